#include "cli/update/may_update.h"

#include <chrono>
#include <string>
#include <system_error>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "banger/system/v1/system_service.grpc.pb.h"
#include "cli/output/streams.h"
#include "cli/output/text.h"
#include "cli/output/time.h"
#include "cli/system/systemd.h"
#include "common/os/subprocess.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/sync/pause.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMaxNamed = 5;
// What ends by itself so soon is waited for.
constexpr std::chrono::seconds kPatience(2);

absl::Status CheckIsNoPackage(const fs::path& program, const std::stop_token& stop) {
  const auto asked = RunCommand({.argv = {"dpkg-query", "--search", program}}, {}, stop);
  if (absl::IsCancelled(asked.status())) return asked.status();
  // No dpkg, no packages.
  if (!asked.ok() || !asked->status.success()) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat("'", program.string(), "' is of the Debian package '",
                                                    OneLine(asked->out.substr(0, asked->out.find(':'))),
                                                    "': update it with apt"));
}

// What is replaced is to be what runs.
absl::Status CheckIsWhatRuns(const Systemd& systemd, const fs::path& prefix, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(
      const std::string shown,
      systemd.Run("systemctl", {"show", "--property=ExecStart", "--value", kGatewayUnit}, stop));
  // "{ path=/usr/local/libexec/banger/banger-gateway ; argv[]=..."
  const std::size_t at = shown.find("path=");
  const std::string program =
      at == std::string::npos ? "" : shown.substr(at + 5, shown.find(" ;", at) - at - 5);
  std::error_code error;
  if (fs::equivalent(program, prefix / "libexec/banger/banger-gateway", error)) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "this host's systemd runs ", program.empty() ? "no banger" : absl::StrCat("'", program, "'"),
      ", and this one is below '", prefix.string(), "'; see 'banger system install'"));
}

// "ExecVm of vms/web, by uid:1000, 5m00s".
std::string Describe(const system::v1::Operation& operation) {
  const std::string method = operation.method().substr(operation.method().rfind('/') + 1);
  const auto age = std::chrono::system_clock::now() - ToTime(operation.start_time());
  return OneLine(absl::StrCat(
      method, operation.resource().empty() ? "" : absl::StrCat(" of ", operation.resource()), ", by ",
      operation.caller(), ", ", HumanDuration(std::chrono::duration_cast<std::chrono::seconds>(age))));
}

absl::Status CutOff(const system::v1::ListOperationsResponse& listed) {
  std::vector<std::string> named;
  for (const system::v1::Operation& operation : listed.operations())
    if (named.size() < kMaxNamed) named.push_back(Describe(operation));
  const std::size_t more = static_cast<std::size_t>(listed.operations_size()) - named.size();
  return ApiError(absl::StatusCode::kFailedPrecondition, "OPERATIONS_RUN",
                  absl::StrCat("this would be cut off: ", absl::StrJoin(named, "; "),
                               more > 0 ? absl::StrCat("; and ", more, " more") : ""));
}

}  // namespace

absl::Status CheckMayUpdate(const fs::path& prefix, const std::stop_token& stop) {
  const Systemd systemd("/");
  BANGER_RETURN_IF_ERROR(CheckIsNoPackage(prefix / "bin/banger", stop));
  BANGER_RETURN_IF_ERROR(systemd.CheckMayChange());
  return CheckIsWhatRuns(systemd, prefix, stop);
}

absl::Status CheckNothingIsCutOff(Client& client) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  absl::StatusOr<system::v1::ListOperationsResponse> listed;
  do {
    listed =
        client.Unary(&system::v1::SystemService::Stub::ListOperations, system::v1::ListOperationsRequest());
    if (listed.ok() && listed->operations().empty()) return absl::OkStatus();
  } while (listed.ok() && std::chrono::steady_clock::now() < deadline &&
           PauseFor(std::chrono::milliseconds(100), client.stop()));
  if (absl::IsUnavailable(listed.status())) {
    Warn(absl::StrCat("banger does not answer as it is: ", OneLine(std::string(listed.status().message()))));
    return absl::OkStatus();
  }
  if (!listed.ok()) return Annotate(listed.status(), "ask what is being done");
  return CutOff(*listed);
}

}  // namespace banger::cli
