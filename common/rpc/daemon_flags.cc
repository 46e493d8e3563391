#include "common/rpc/daemon_flags.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace banger::rpc {

absl::StatusOr<DaemonFlags> ParseDaemonFlags(const std::vector<std::string>& arguments,
                                             const std::vector<std::string>& own_flags) {
  DaemonFlags flags;
  std::map<std::string, bool*> switches = {
      {"--help", &flags.help}, {"--version", &flags.version}, {"--check-config", &flags.check_config}};
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::size_t equals = arguments[i].find('=');
    const std::string name = arguments[i].substr(0, equals);
    if (const auto found = switches.find(name); found != switches.end() && equals == std::string::npos) {
      *found->second = true;
      continue;
    }
    const bool known =
        name == "--log-level" || std::find(own_flags.begin(), own_flags.end(), name) != own_flags.end();
    if (!known) return absl::InvalidArgumentError(absl::StrCat("unknown argument '", arguments[i], "'"));
    if (equals == std::string::npos && i + 1 == arguments.size())
      return absl::InvalidArgumentError(absl::StrCat(name, " needs a value"));
    const std::string value = equals != std::string::npos ? arguments[i].substr(equals + 1) : arguments[++i];
    (name == "--log-level" ? flags.log_level : flags.own[name]) = value;
  }
  return flags;
}

}  // namespace banger::rpc
