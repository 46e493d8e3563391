// A gRPC server on a Unix socket that knows who calls.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "common/os/unix_socket.h"
#include "common/rpc/peer_servers.h"

namespace banger::rpc {

struct ServerOptions {
  std::filesystem::path socket;
  unsigned socket_mode = 0660;
  // Registers the services; called once for each identity that connects, always
  // with the same service objects. They outlive the server.
  std::function<void(grpc::ServerBuilder&)> configure;
  // Whether to serve that peer at all; unset serves everybody who can open the
  // socket.
  std::function<bool(const PeerCredentials&)> authorize;
  // What its calls carry as banger-peer-role; unset: nothing. `groups` are the
  // peer's supplementary ones.
  std::function<std::string(const PeerCredentials&, const std::vector<gid_t>& groups)> role_of;
  // gRPC's own health service; off for who serves that itself.
  bool default_health = true;
};

// Accepts connections itself, as gRPC 1.51 does not tell who is at the other end
// of a Unix socket, and serves them by PeerServers. Thread-safe.
class Server {
 public:
  // Listens when this returns. The caller holds the daemon's lock.
  static absl::StatusOr<std::unique_ptr<Server>> Start(ServerOptions options);

  // As Shutdown with no grace.
  ~Server();

  // Health says NOT_SERVING, no new connections, the socket file is removed;
  // calls in flight get `grace` to end before they are cancelled. Returns when
  // all have. Idempotent.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  Server(ServerOptions options, UniqueFd listener, UniqueFd wake);
  void Accept();
  void Serve(UniqueFd connection);

  const ServerOptions options_;
  UniqueFd listener_;
  UniqueFd wake_;
  PeerServers servers_;
  std::atomic<bool> down_ = false;
  std::thread acceptor_;
};

}  // namespace banger::rpc
