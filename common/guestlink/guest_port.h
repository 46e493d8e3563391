// The guest's end of the link: answers whoever greets, one session at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "absl/status/statusor.h"
#include "common/guestlink/relay.h"
#include "common/os/unique_fd.h"

namespace banger::guestlink {

// Serves a port on a thread of its own until destroyed. While the host has the
// port closed it sleeps; it wakes at once when the host opens it. A socket in place
// of a port is served until the other end closes it.
class GuestPort {
 public:
  // Gets the stream of each new session, a non-blocking socket, on the port's
  // thread, before the host hears that there is a session. The former stream
  // has ended by then.
  using OnSession = std::function<void(UniqueFd stream)>;

  static absl::StatusOr<std::unique_ptr<GuestPort>> Start(UniqueFd port, OnSession on_session);
  ~GuestPort();
  GuestPort(const GuestPort&) = delete;
  GuestPort& operator=(const GuestPort&) = delete;

 private:
  GuestPort(UniqueFd port, UniqueFd presence, Wakeup stop, OnSession on_session);

  void Serve();
  std::optional<std::uint64_t> WaitForHello();
  void Announce();
  bool WaitForHost() const;
  bool stopping() const;

  using Clock = std::chrono::steady_clock;

  PortIo port_;
  bool announced_ = false;
  Clock::time_point announce_at_;
  const UniqueFd presence_;  // epoll: readable when the port's state changed
  const Wakeup stop_;
  const OnSession on_session_;
  std::thread thread_;
};

}  // namespace banger::guestlink
