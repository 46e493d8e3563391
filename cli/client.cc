#include "cli/client.h"

#include <filesystem>
#include <optional>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "cli/remote/connect.h"
#include "cli/remote/contexts.h"
#include "common/config/paths.h"
#include "common/os/unix_socket.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"

namespace banger::cli {
namespace {

// Tells apart what gRPC's own UNAVAILABLE does not: nothing there, nobody
// listening (worth waiting for), no permission.
absl::Status Probe(const std::filesystem::path& socket) {
  const absl::StatusOr<UniqueFd> connection = ConnectUnix(socket);
  if (connection.ok()) return absl::OkStatus();
  const std::string what = absl::StrCat("reach the gateway at '", socket.string(), "'");
  if (absl::IsPermissionDenied(connection.status()))
    return GatewayForbidden(absl::StrCat(what, ": Permission denied"));
  if (absl::IsNotFound(connection.status()))
    return absl::UnavailableError(absl::StrCat(what, ": no such socket"));
  if (absl::IsUnavailable(connection.status())) return absl::OkStatus();  // the wait that follows decides
  return Annotate(connection.status(), what);
}

}  // namespace

Client::Client(const std::stop_token& stop) : stop_(stop), request_id_(rpc::NewRequestId()) {}

absl::Status Client::Connect(std::chrono::milliseconds patience) {
  if (channel_ != nullptr) return absl::OkStatus();
  BANGER_ASSIGN_OR_RETURN(const std::optional<RemoteContext> remote, ChosenContext());
  if (remote.has_value()) {
    BANGER_ASSIGN_OR_RETURN(channel_, ConnectRemote(*remote, patience, stop_));
    return absl::OkStatus();
  }
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path socket, FindGatewaySocket());
  BANGER_RETURN_IF_ERROR(Probe(socket));
  std::shared_ptr<grpc::Channel> channel = rpc::ConnectDaemon(socket);
  const absl::Status status =
      rpc::WaitForDaemon(*channel, absl::StrCat("the gateway at '", socket.string(), "'"), patience, stop_);
  if (!status.ok()) return status;
  channel_ = std::move(channel);
  return absl::OkStatus();
}

Client Client::WithoutStop() const {
  Client client = *this;
  client.stop_ = std::stop_token();
  return client;
}

absl::Status Client::Result(const grpc::Status& status) const {
  const absl::Status result = rpc::FromGrpc(status);
  if (stop_.stop_requested() && !result.ok()) return absl::CancelledError("interrupted");
  if (absl::IsCancelled(result))
    return absl::AbortedError(absl::StrCat("the daemon ended the call: ", result.message()));
  return result;
}

}  // namespace banger::cli
