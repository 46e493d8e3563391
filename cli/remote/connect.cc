#include "cli/remote/connect.h"

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "cli/remote/address.h"
#include "cli/remote/certificate.h"
#include "cli/remote/tls_probe.h"
#include "common/rpc/limits.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

using namespace std::chrono_literals;

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

}  // namespace

absl::StatusOr<std::shared_ptr<grpc::Channel>> ConnectRemote(const RemoteContext& context,
                                                             std::chrono::milliseconds patience,
                                                             const std::stop_token& stop) {
  const std::optional<HostAndPort> at = ParseAddress(context.address);
  if (!at.has_value())
    return absl::FailedPreconditionError(
        absl::StrCat("context '", context.name, "': '", context.address, "' is no HOST:PORT"));
  BANGER_ASSIGN_OR_RETURN(const ClientFiles files, ReadClientFiles(context));
  PrepareGrpc();
  std::shared_ptr<grpc::Channel> channel = MakeChannel(*at, files);
  const auto deadline = std::chrono::system_clock::now() + patience;
  while (!stop.stop_requested()) {
    if (channel->WaitForConnected(std::min(deadline, std::chrono::system_clock::now() + 50ms)))
      return channel;
    const bool over = std::chrono::system_clock::now() >= deadline;
    if (!over && channel->GetState(false) != GRPC_CHANNEL_TRANSIENT_FAILURE) continue;
    // gRPC says no more than that there is no connection.
    const absl::Status why = ProbeTls(context, *at, files, std::max<std::chrono::milliseconds>(patience, 1s));
    if (!why.ok() && !absl::IsUnavailable(why)) return why;
    if (over)
      return why.ok() ? absl::UnavailableError(
                            absl::StrCat("the gateway at '", context.address, "' does not answer"))
                      : why;
  }
  return absl::CancelledError(
      absl::StrCat("stopped while waiting for the gateway at '", context.address, "'"));
}

}  // namespace banger::cli
