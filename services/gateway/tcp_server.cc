#include "services/gateway/tcp_server.h"

#include <unistd.h>

#include <chrono>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/gateway/core/http2_guard.h"

namespace banger::gateway {
namespace {

using namespace std::chrono_literals;

constexpr auto kGrace = 3s;

// What gRPC bounds itself, for each connection. Messages: see PeerServers; metadata: 8 KiB,
// as in every gRPC.
void Bound(const TcpLimits& limits, grpc::ServerBuilder& builder) {
  const auto milliseconds = [](std::chrono::milliseconds time) { return static_cast<int>(time.count()); };
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxCalls);
  // A client that is not there any more is noticed, one that has nothing to do leaves.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, milliseconds(limits.ping));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, milliseconds(limits.pong));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, milliseconds(limits.idle));
}

absl::Status RequireFiles(const GatewayConfig& config) {
  for (const auto& [key, file] : {std::pair("cert", config.cert), std::pair("key", config.key),
                                  std::pair("client_ca", config.client_ca)})
    if (file.empty())
      return absl::FailedPreconditionError(
          absl::StrCat("gateway.listen in the configuration needs gateway.", key, " as well"));
  return absl::OkStatus();
}

}  // namespace

TcpServer::TcpServer(std::function<void(grpc::ServerBuilder&)> configure, const TcpLimits& limits)
    : servers_({.configure =
                    [configure = std::move(configure), limits](grpc::ServerBuilder& builder) {
                      Bound(limits, builder);
                      configure(builder);
                    },
                .default_health = false}) {}

absl::StatusOr<std::unique_ptr<TcpServer>> TcpServer::Start(
    const GatewayConfig& config, std::function<void(grpc::ServerBuilder&)> configure,
    const TcpLimits& limits) {
  BANGER_RETURN_IF_ERROR(RequireFiles(config));
  std::unique_ptr<TcpServer> server(new TcpServer(std::move(configure), limits));
  const auto serve = [&servers = server->servers_](const ClientIdentity& client, UniqueFd connection) {
    servers.Serve({.uid = ::geteuid(), .name = client.name, .role = NameOf(client.role)},
                  std::move(connection));
  };
  BANGER_ASSIGN_OR_RETURN(server->listener_, TlsListener::Start({.listen = config.listen,
                                                                 .files = {.cert = config.cert,
                                                                           .key = config.key,
                                                                           .client_ca = config.client_ca,
                                                                           .client_crl = config.client_crl},
                                                                 .limits = limits,
                                                                 .serve = serve}));
  log::Info("serving TCP", {{"address", config.listen}, {"port", absl::StrCat(server->port())}});
  return server;
}

TcpServer::~TcpServer() {
  if (listener_ == nullptr) return;
  listener_->StopAccepting();
  servers_.Shutdown(kGrace);
}

}  // namespace banger::gateway
