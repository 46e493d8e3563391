#include "cli/update/systemd_host.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "banger/system/v1/system_service.grpc.pb.h"
#include "cli/client.h"
#include "cli/names.h"
#include "cli/output/text.h"
#include "cli/system/host_files.h"
#include "cli/system/refresh.h"
#include "common/os/subprocess.h"
#include "common/status/status_macros.h"
#include "common/sync/pause.h"

namespace banger::cli {
namespace {

using system::v1::ListDaemonsResponse;

// For daemons that have said that they serve; they may still be looking for each other.
constexpr std::chrono::seconds kPatience(30);

// UNAVAILABLE while there is hope.
absl::Status CheckDaemons(const ListDaemonsResponse& response, const std::string& version,
                          const std::string& commit) {
  for (const system::v1::Daemon& daemon : response.daemons()) {
    const std::string name = OneLine(IdOf(daemon.name()));
    if (!daemon.error().empty())
      return absl::UnavailableError(absl::StrCat(name, " does not answer: ", OneLine(daemon.error())));
    if (daemon.version() != version || daemon.commit() != commit)
      return absl::FailedPreconditionError(absl::StrCat(
          name, " is of another build, ", OneLine(daemon.version()), " (", OneLine(daemon.commit()), ")"));
  }
  return absl::OkStatus();
}

absl::Status AskOnce(const std::string& version, const std::string& commit) {
  Client client{std::stop_token()};
  const auto daemons =
      client.Unary(&system::v1::SystemService::Stub::ListDaemons, system::v1::ListDaemonsRequest());
  return daemons.ok() ? CheckDaemons(*daemons, version, commit) : daemons.status();
}

}  // namespace

absl::Status SystemdHost::StopDaemons() {
  std::vector<std::string> units = UnitsOf(systemd_.root());
  units.insert(units.begin(), "stop");
  return systemd_.Run("systemctl", std::move(units)).status();
}

absl::Status SystemdHost::StartDaemons() {
  BANGER_RETURN_IF_ERROR(RefreshUnits(prefix_, systemd_, {}).status());
  return RestartDaemons(systemd_, {});
}

absl::Status SystemdHost::CheckBuild(const std::string& version, const std::string& commit) {
  BANGER_ASSIGN_OR_RETURN(const std::string said,
                          RunCommandOk({.argv = {prefix_ / "bin/banger", "--version"}}));
  if (said != absl::StrCat("banger ", version, " (", commit, ")\n"))
    return absl::FailedPreconditionError(absl::StrCat("the command says '", OneLine(said), "'"));
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (;;) {
    const absl::Status answer = AskOnce(version, commit);
    if (!absl::IsUnavailable(answer) || std::chrono::steady_clock::now() > deadline) return answer;
    PauseFor(std::chrono::milliseconds(100), {});
  }
}

}  // namespace banger::cli
