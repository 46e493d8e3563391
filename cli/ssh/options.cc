#include "cli/ssh/options.h"

#include <cstdlib>
#include <optional>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/remote/contexts.h"
#include "cli/ssh/key.h"
#include "cli/ssh/pins.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

// What says where banger's files and its gateway are. ssh may be started by programs
// that have none of it, and when another context is the current one.
absl::StatusOr<std::vector<std::string>> OwnEnvironment() {
  BANGER_ASSIGN_OR_RETURN(const std::optional<RemoteContext> context, ChosenContext());
  std::vector<std::string> environment;
  for (const char* name : {"BANGER_ROOT", "BANGER_SOCKET", "XDG_CONFIG_HOME", "XDG_STATE_HOME"})
    if (const char* value = std::getenv(name); value != nullptr && *value != '\0')
      environment.push_back(absl::StrCat(name, "=", value));
  environment.push_back(absl::StrCat("BANGER_CONTEXT=", context.has_value() ? context->name : kLocalContext));
  return environment;
}

// For sh and fish alike.
std::string QuoteWord(const std::string& word) {
  return absl::StrCat("'", absl::StrReplaceAll(word, {{"'", "'\\''"}}), "'");
}

absl::Status CheckLine(const std::string& text) {
  if (text.find_first_of(std::string("\n\r\0", 3)) == std::string::npos) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("'", text, "' has a line break in it: ssh cannot be told"));
}

}  // namespace

// ssh expands "%x" and "${X}" in the names of files.
absl::StatusOr<std::string> QuotePath(const fs::path& path) {
  BANGER_RETURN_IF_ERROR(CheckLine(path.string()));
  if (absl::StrContains(path.string(), "${") || path.string().find_first_of("\"\\") != std::string::npos)
    return absl::InvalidArgumentError(
        absl::StrCat("'", path.string(), "' has '\"', '\\' or '${' in it: ssh cannot be told"));
  return absl::StrCat("\"", absl::StrReplaceAll(path.string(), {{"%", "%%"}}), "\"");
}

absl::StatusOr<std::string> ProxyCommand(const std::vector<std::string>& environment, const fs::path& banger,
                                         const std::string& host) {
  std::string command;
  if (!environment.empty()) command = "env";
  for (const std::string& entry : environment) absl::StrAppend(&command, " ", QuoteWord(entry));
  absl::StrAppend(&command, command.empty() ? "" : " ", QuoteWord(banger.string()));
  BANGER_RETURN_IF_ERROR(CheckLine(command));
  // Quoted also where it is "%h": older ssh does not look at what it puts there.
  return absl::StrCat(absl::StrReplaceAll(command, {{"%", "%%"}}), " vm ssh-proxy -- '", host, "'");
}

absl::StatusOr<SshOptions> MakeSshOptions(const std::string& proxy_host) {
  BANGER_ASSIGN_OR_RETURN(const fs::path key, SshKey());
  BANGER_ASSIGN_OR_RETURN(const fs::path dir, SshDir());
  std::error_code error;
  const fs::path self = fs::read_symlink("/proc/self/exe", error);
  if (error) return ErrnoError(error.value(), "find the program 'banger'");
  BANGER_ASSIGN_OR_RETURN(const std::string identity, QuotePath(key));
  BANGER_ASSIGN_OR_RETURN(const std::string known_hosts, QuotePath(dir / KnownHostsName()));
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> environment, OwnEnvironment());
  BANGER_ASSIGN_OR_RETURN(const std::string proxy, ProxyCommand(environment, self, proxy_host));
  return SshOptions{{"User", "root"},
                    {"IdentityFile", identity},
                    {"IdentitiesOnly", "yes"},
                    {"UserKnownHostsFile", known_hosts},
                    // So that the pin of a deleted VM can be found.
                    {"HashKnownHosts", "no"},
                    {"StrictHostKeyChecking", "accept-new"},
                    {"LogLevel", "ERROR"},
                    {"ProxyCommand", proxy}};
}

std::string SshConfigText(const SshOptions& options) {
  std::string text = "Host *.vm\n";
  for (const auto& [keyword, value] : options) absl::StrAppend(&text, "  ", keyword, " ", value, "\n");
  return text;
}

}  // namespace banger::cli
