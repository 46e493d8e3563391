#include "cli/remote/connect.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "cli/remote/address.h"
#include "cli/remote/certificate.h"
#include "cli/remote/lookup.h"
#include "cli/remote/tls_probe.h"
#include "common/rpc/limits.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using namespace std::chrono_literals;

constexpr auto kPatienceForReasons = 1s;

// Before gRPC's first channel. Its own lines say less than ProbeTls does, and its own
// resolver does not know what NSS knows.
void PrepareGrpc() {
  ::gpr_set_log_function([](gpr_log_func_args*) {});
  ::setenv("GRPC_DNS_RESOLVER", "native", 0);
}

std::shared_ptr<grpc::Channel> MakeChannel(const HostAndPort& at, const ClientFiles& files) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(rpc::kMaxMessageBytes);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 100);
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 500);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // A shell on a link that has gone is worth noticing.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 30000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20000);
  const grpc::SslCredentialsOptions options{
      .pem_root_certs = files.ca, .pem_private_key = files.key, .pem_cert_chain = files.cert};
  return grpc::CreateCustomChannel(GrpcTarget(at), grpc::SslCredentials(options), arguments);
}

absl::Status Unreachable(const RemoteContext& context, const std::string& why) {
  return ApiError(absl::StatusCode::kUnavailable, "GATEWAY_UNREACHABLE", why, {{"context", context.name}});
}

absl::Status Stopped(const RemoteContext& context) {
  return absl::CancelledError(absl::StrCat("stopped while waiting for ", GatewayOf(context)));
}

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> ConnectRemote(const RemoteContext& context,
                                                             std::chrono::milliseconds patience,
                                                             const std::stop_token& stop) {
  using Clock = std::chrono::steady_clock;
  const Clock::time_point deadline = Clock::now() + patience;
  const std::optional<HostAndPort> at = ParseAddress(context.address);
  if (!at.has_value())
    return absl::FailedPreconditionError(
        absl::StrCat("context '", context.name, "': '", context.address, "' is no HOST:PORT"));
  BANGER_ASSIGN_OR_RETURN(const ClientFiles files, ReadClientFiles(context));
  // Before gRPC does, whose own look-up would keep the program from its end.
  const absl::StatusOr<Addresses> addresses = LookUp(*at, deadline, stop);
  if (absl::IsCancelled(addresses.status())) return Stopped(context);
  if (!addresses.ok())
    return Unreachable(context,
                       absl::StrCat("find ", GatewayOf(context), ": ", addresses.status().message()));
  PrepareGrpc();
  std::shared_ptr<grpc::Channel> channel = MakeChannel(*at, files);
  while (!stop.stop_requested()) {
    if (channel->WaitForConnected(std::chrono::system_clock::now() + 50ms)) return channel;
    const bool over = Clock::now() >= deadline;
    if (!over &&
        (patience < kPatienceForReasons || channel->GetState(false) != GRPC_CHANNEL_TRANSIENT_FAILURE))
      continue;
    absl::Status why;
    // gRPC says no more than that there is no connection.
    if (patience >= kPatienceForReasons)
      why = ProbeTls(context, *at, **addresses, files, Clock::now() + patience, stop);
    if (absl::IsCancelled(why)) break;
    if (!why.ok() && !absl::IsUnavailable(why)) return why;
    if (over || Clock::now() >= deadline)
      return Unreachable(context, why.ok() ? absl::StrCat(GatewayOf(context), " does not answer")
                                           : std::string(why.message()));
  }
  return Stopped(context);
}

}  // namespace banger::cli
