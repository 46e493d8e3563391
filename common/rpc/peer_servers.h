// gRPC servers on sockets that were accepted elsewhere, one for each identity.
#pragma once

#include <grpcpp/grpcpp.h>
#include <sys/types.h>

#include <chrono>
#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"

namespace banger::rpc {

// Metadata beside those of call.h, stamped where it is known.
inline constexpr char kPeerNameKey[] = "banger-peer-name";
inline constexpr char kPeerRoleKey[] = "banger-peer-role";

// Who is at the other end of a connection, as whoever accepted it knows.
struct Peer {
  // Of the process at the other end; ours for one on another host.
  uid_t uid = 0;
  // From the certificate of one on another host; else empty.
  std::string name;
  // What it may do; empty where nobody asks for that.
  std::string role;

  auto operator<=>(const Peer&) const = default;
};

// gRPC 1.51 does not tell a handler whose connection it serves, so each identity
// gets a grpc::Server of its own (5 KiB, no thread), whose interceptor stamps the
// peer into the call's metadata over whatever the client sent. Thread-safe.
class PeerServers {
 public:
  struct Options {
    // Registers the services; called once for each peer, always with the same
    // service objects. They outlive this.
    std::function<void(grpc::ServerBuilder&)> configure;
    // gRPC's own health service; off for who serves that itself.
    bool default_health = true;
  };

  explicit PeerServers(Options options);
  // As Shutdown with no grace.
  ~PeerServers();

  // Serves the peer on a connected, non-blocking socket until either end closes
  // it; after Shutdown closes it at once. Not to be called while Shutdown runs.
  void Serve(const Peer& peer, UniqueFd connection);

  // Health says NOT_SERVING; calls in flight get `grace` to end before they are
  // cancelled. Returns when all have. Idempotent.
  void Shutdown(std::chrono::milliseconds grace);

 private:
  grpc::Server* For(const Peer& peer);

  const Options options_;
  Mutex mutex_;
  std::map<Peer, std::unique_ptr<grpc::Server>> servers_ ABSL_GUARDED_BY(mutex_);
  bool down_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace banger::rpc
