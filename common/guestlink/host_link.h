// The host's end of the link: one session with a guest's agent.
#pragma once

#include <chrono>
#include <filesystem>
#include <memory>
#include <stop_token>
#include <thread>

#include "absl/status/statusor.h"
#include "common/guestlink/relay.h"
#include "common/os/unique_fd.h"

namespace banger::guestlink {

// A session that lives until destroyed or ended by the guest, pumped by a
// thread of its own. Nothing that a guest sends can make it take more than a
// few frames of memory; a guest that breaks the protocol loses the session.
//
//   BANGER_ASSIGN_OR_RETURN(auto link, HostLink::Connect(socket, deadline, stop));
//   auto channel = grpc::CreateInsecureChannelFromFd("guest", link->TakeStream().Release());
//
// When the session ends the stream reads end-of-file, and a channel on it fails
// every call with UNAVAILABLE for ever: make a new link and channel then.
class HostLink {
 public:
  using Clock = std::chrono::steady_clock;

  // Connects to QEMU's character device socket and greets until the guest's
  // agent answers, which may be long after: while the guest boots the greeting
  // waits in the port. UNAVAILABLE when QEMU is gone, DEADLINE_EXCEEDED when no
  // agent answered in time, CANCELLED when stopped.
  static absl::StatusOr<std::unique_ptr<HostLink>> Connect(const std::filesystem::path& socket,
                                                           Clock::time_point deadline,
                                                           const std::stop_token& stop);
  // The same on a connected socket, as of vsock (vsock.h).
  static absl::StatusOr<std::unique_ptr<HostLink>> Greet(UniqueFd socket, Clock::time_point deadline,
                                                         const std::stop_token& stop);
  // Tells the guest that the session is over.
  ~HostLink();
  HostLink(const HostLink&) = delete;
  HostLink& operator=(const HostLink&) = delete;

  // The session's bytes: a non-blocking socket. Once.
  UniqueFd TakeStream() { return std::move(stream_); }

 private:
  HostLink(PortIo port, StreamPair streams, Wakeup stop, std::uint64_t session);

  PortIo port_;
  UniqueFd stream_;
  const Wakeup stop_;
  std::thread thread_;
};

}  // namespace banger::guestlink
