#pragma once

#include <grpcpp/server_builder.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "common/config/config.h"
#include "common/rpc/peer_servers.h"
#include "services/gateway/adapters/tls_listener.h"

namespace banger::gateway {

struct TcpLimits : TlsLimits {
  // How often a client is asked whether it is there, and how long it has to answer.
  std::chrono::milliseconds ping{60000};
  std::chrono::milliseconds pong{20000};
  // How long a connection may be without a call.
  std::chrono::milliseconds idle{600000};
};

// The gateway for other hosts: TLS by TlsListener, gRPC by PeerServers, with the name
// and role of each client's certificate. Thread-safe.
class TcpServer {
 public:
  // `configure` registers the services, as for rpc::Server. FAILED_PRECONDITION or
  // INVALID_ARGUMENT naming the key or file of the configuration that is wrong.
  static absl::StatusOr<std::unique_ptr<TcpServer>> Start(const GatewayConfig& config,
                                                          std::function<void(grpc::ServerBuilder&)> configure,
                                                          const TcpLimits& limits = {});

  // Takes no more connections, gives calls in flight some seconds, then cancels them.
  ~TcpServer();

  std::uint16_t port() const { return listener_->port(); }
  std::size_t connections() const { return listener_->connections(); }

 private:
  TcpServer(std::function<void(grpc::ServerBuilder&)> configure, const TcpLimits& limits);

  rpc::PeerServers servers_;
  std::unique_ptr<TlsListener> listener_;
};

}  // namespace banger::gateway
