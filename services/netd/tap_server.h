// Hands out the descriptors of taps, which gRPC cannot carry: a Unix socket
// beside netd's. A client sends the endpoint's name and a newline
// ("endpoints/4f…\n") and gets one byte with the descriptor (SCM_RIGHTS; see
// ReceiveDescriptor in common/os/unix_socket.h). A refusal is a closed
// connection, and a line in netd's log.
#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "common/os/unix_socket.h"
#include "common/sync/worker_pool.h"
#include "services/netd/core/network.h"

namespace banger::netd {

class TapServer {
 public:
  struct Options {
    std::filesystem::path socket;
    // Whom to serve at all; whose tap is whose is the network's to decide.
    std::function<bool(const PeerCredentials&)> authorize;
    // The queue of a tap, by interface name.
    std::function<absl::StatusOr<UniqueFd>(const std::string& tap)> open_tap;
    // For a client to send its line.
    std::chrono::milliseconds patience = std::chrono::seconds(2);
  };

  // Listens when this returns. `network` must outlive it; the caller holds the
  // lock that says there is no other server.
  static absl::StatusOr<std::unique_ptr<TapServer>> Start(Options options, Network& network);

  // Removes the socket and ends what is in flight within the patience.
  ~TapServer();

 private:
  TapServer(Options options, Network& network, UniqueFd listener, UniqueFd wake);
  void Accept();
  absl::Status Serve(int connection) const;

  const Options options_;
  Network& network_;
  const UniqueFd listener_;
  const UniqueFd wake_;  // readable once we end
  WorkerPool workers_;
  std::thread acceptor_;
};

}  // namespace banger::netd
