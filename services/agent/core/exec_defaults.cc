#include "services/agent/core/exec_defaults.h"

#include "absl/status/status.h"

namespace banger::agent {

absl::StatusOr<std::vector<std::string>> EntrypointWith(const std::vector<std::string>& arguments,
                                                        const ExecDefaults& image) {
  if (image.entrypoint.empty() && image.cmd.empty())
    return absl::FailedPreconditionError("there is none, and no Cmd either");
  std::vector<std::string> argv = image.entrypoint;
  const std::vector<std::string>& rest = arguments.empty() ? image.cmd : arguments;
  argv.insert(argv.end(), rest.begin(), rest.end());
  if (argv[0].empty()) return absl::FailedPreconditionError("the program's name is empty");
  return argv;
}

}  // namespace banger::agent
