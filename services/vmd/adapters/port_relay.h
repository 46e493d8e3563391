// What is carried over a published port, between sockets of the host and Dial
// calls to the guest's agent.
#pragma once

#include <grpcpp/channel.h>
#include <netinet/in.h>

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger::vmd {

using DialChannel =
    std::function<absl::StatusOr<std::shared_ptr<grpc::Channel>>(const std::stop_token& stop)>;

// One TCP connection, to its end or the stop's. A guest where nobody listens gets
// the caller a reset, as if there were no port.
void RelayConnection(const UniqueFd& client, int guest_port, const DialChannel& channel,
                     const std::stop_token& stop);

// The datagrams of a UDP socket: each sender has a Dial call of its own, for as
// long as it is not silent. Used by one thread.
class DatagramRelay {
 public:
  // `socket` must outlive it.
  DatagramRelay(int socket, int guest_port, DialChannel channel, std::stop_token stop);
  ~DatagramRelay();

  // One datagram from the socket, if there is one, to the guest; forgets senders
  // that have been silent.
  void Receive();

 private:
  class Session;
  using Sender = std::pair<std::uint32_t, std::uint16_t>;  // address and port, in network order

  const int socket_;
  const int guest_port_;
  const DialChannel channel_;
  const std::stop_token stop_;
  std::map<Sender, std::unique_ptr<Session>> sessions_;
};

}  // namespace banger::vmd
