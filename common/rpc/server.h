// A gRPC server on a Unix socket that knows who calls.
#pragma once

#include <grpcpp/grpcpp.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "common/os/unix_socket.h"
#include "common/sync/mutex.h"

namespace banger::rpc {

struct ServerOptions {
  std::filesystem::path socket;
  unsigned socket_mode = 0660;
  // Registers the services; called once for each uid that connects, always with
  // the same service objects. They outlive the server.
  std::function<void(grpc::ServerBuilder&)> configure;
  // Whether to serve that peer at all; unset serves everybody who can open the
  // socket.
  std::function<bool(const PeerCredentials&)> authorize;
  // gRPC's own health service; off for who serves that itself.
  bool default_health = true;
};

// Accepts connections itself, as gRPC 1.51 does not tell who is at the other end
// of a Unix socket: each uid gets a grpc::Server of its own (5 KiB, no thread),
// whose interceptor stamps the uid into the call's metadata over whatever the
// client sent. Thread-safe.
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
  grpc::Server* ForUid(uid_t uid);

  const ServerOptions options_;
  UniqueFd listener_;
  UniqueFd wake_;
  Mutex mutex_;
  std::map<uid_t, std::unique_ptr<grpc::Server>> servers_ ABSL_GUARDED_BY(mutex_);
  bool down_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread acceptor_;
};

}  // namespace banger::rpc
