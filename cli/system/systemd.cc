#include "cli/system/systemd.h"

#include <unistd.h>

#include <map>
#include <system_error>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/subprocess.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace fs = std::filesystem;

// However it is written, "/" is this host, which runs.
Systemd::Systemd(const fs::path& root) : root_(root) {
  std::error_code error;
  if (fs::path canonical = fs::canonical(root, error); !error) root_ = std::move(canonical);
}

absl::Status Systemd::Check() const {
  std::error_code error;
  if (offline()) {
    if (fs::is_directory(root_, error)) return absl::OkStatus();
    return absl::FailedPreconditionError(absl::StrCat("'", root_.string(), "' is no directory"));
  }
  if (!fs::is_directory("/run/systemd/system", error))
    return absl::FailedPreconditionError(
        "this host does not run systemd; start the daemons in another way, or use --root for a directory");
  return absl::OkStatus();
}

absl::Status Systemd::CheckMayChange() const {
  BANGER_RETURN_IF_ERROR(Check());
  if (offline() || ::geteuid() == 0) return absl::OkStatus();
  return absl::PermissionDeniedError("only root may do that; use sudo");
}

absl::StatusOr<std::string> Systemd::Run(const std::string& program, std::vector<std::string> arguments,
                                         const std::stop_token& stop) const {
  std::vector<std::string> argv = {program};
  if (offline()) argv.push_back(absl::StrCat("--root=", root_.string()));
  argv.insert(argv.end(), arguments.begin(), arguments.end());
  BANGER_ASSIGN_OR_RETURN(const CommandResult result, RunCommand({.argv = argv}, {}, stop));
  if (result.status.success()) return result.out;
  const absl::string_view said = absl::StripAsciiWhitespace(result.err);
  return absl::FailedPreconditionError(
      absl::StrCat(program, " ", arguments.empty() ? "" : arguments.front(), ": ",
                   said.empty() ? result.status.ToString() : std::string(said.substr(said.rfind('\n') + 1))));
}

std::vector<UnitState> ParseUnitStates(const std::string& text) {
  std::vector<UnitState> states;
  for (const absl::string_view block : absl::StrSplit(text, "\n\n", absl::SkipWhitespace())) {
    std::map<std::string, std::string> values;
    for (const absl::string_view line : absl::StrSplit(block, '\n', absl::SkipEmpty()))
      values.insert(absl::StrSplit(line, absl::MaxSplits('=', 1)));
    states.push_back({.unit = values["Id"],
                      .active = values["ActiveState"],
                      .sub = values["SubState"],
                      .pid = values["MainPID"],
                      .since = values["StateChangeTimestamp"]});
  }
  return states;
}

absl::Status RestartDaemons(const Systemd& systemd, const std::stop_token& stop) {
  const auto all = [&](const std::string& verb) {
    std::vector<std::string> arguments = {verb, kTarget};
    arguments.insert(arguments.end(), std::begin(kUnits), std::end(kUnits));
    return systemd.Run("systemctl", std::move(arguments), stop).status();
  };
  // Whoever has failed too often lately would not be started again.
  all("reset-failed").IgnoreError();
  return all("restart");
}

absl::StatusOr<std::vector<UnitState>> UnitStates(const Systemd& systemd, const std::stop_token& stop) {
  std::vector<std::string> arguments = {"show",
                                        "--property=Id,ActiveState,SubState,MainPID,StateChangeTimestamp"};
  arguments.insert(arguments.end(), std::begin(kUnits), std::end(kUnits));
  BANGER_ASSIGN_OR_RETURN(const std::string text, systemd.Run("systemctl", std::move(arguments), stop));
  return ParseUnitStates(text);
}

}  // namespace banger::cli
