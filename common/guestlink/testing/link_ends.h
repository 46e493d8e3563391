// Both ends of the link on socket pairs, a port that changes hosts, and what flows.
#pragma once

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "absl/strings/string_view.h"
#include "common/guestlink/guest_port.h"
#include "common/guestlink/host_link.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"
#include "common/testing/status_matchers.h"

namespace banger::guestlink {

using Clock = HostLink::Clock;

struct SocketPair {
  SocketPair() {
    int fds[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    a.Reset(fds[0]);
    b.Reset(fds[1]);
  }
  UniqueFd a, b;
};

// A virtio-serial port: hosts come and go, the guest's side stays and never
// hears of it. Bytes under way when a host goes stay under way.
class FakePort {
 public:
  FakePort() : pump_([this](const std::stop_token& stop) { Pump(stop); }) {}

  UniqueFd TakeGuestEnd() { return std::move(guest_.b); }

  // Another host in place of the former.
  UniqueFd ConnectHost() {
    SocketPair pair;
    MutexLock lock(mutex_);
    host_ = std::move(pair.a);
    return std::move(pair.b);
  }

 private:
  void Pump(const std::stop_token& stop) {
    while (!stop.stop_requested()) {
      MutexLock lock(mutex_);
      Move(host_, guest_.a);
      Move(guest_.a, host_);
      pollfd fds[] = {{host_.get(), POLLIN, 0}, {guest_.a.get(), POLLIN, 0}};
      ::poll(fds, 2, 1);
    }
  }

  // In odd pieces, so that frames are cut when the host changes.
  static void Move(const UniqueFd& from, const UniqueFd& to) {
    char bytes[7777];
    if (!from.valid() || !to.valid()) return;
    const ssize_t n = ::recv(from.get(), bytes, sizeof bytes, MSG_DONTWAIT);
    for (ssize_t done = 0; done < n;) {
      const ssize_t written =
          ::send(to.get(), bytes + done, static_cast<std::size_t>(n - done), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (written < 0) return;  // lost in the middle
      done += written;
    }
  }

  SocketPair guest_;
  Mutex mutex_;
  UniqueFd host_ ABSL_GUARDED_BY(mutex_);
  std::jthread pump_;
};

// The streams that a guest was given.
class Sessions {
 public:
  void Add(UniqueFd stream) {
    MutexLock lock(mutex_);
    streams_.push_back(std::move(stream));
    added_.notify_all();
  }
  UniqueFd Next() {
    MutexLock lock(mutex_);
    if (!added_.wait_for(lock, std::chrono::seconds(10),
                         [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !streams_.empty(); }))
      return UniqueFd();
    UniqueFd stream = std::move(streams_.front());
    streams_.pop_front();
    return stream;
  }
  // The newest: earlier ones belong to greetings that were repeated.
  UniqueFd Last() {
    UniqueFd stream = Next();
    MutexLock lock(mutex_);
    while (!streams_.empty()) {
      stream = std::move(streams_.front());
      streams_.pop_front();
    }
    return stream;
  }

 private:
  Mutex mutex_;
  std::condition_variable_any added_;
  std::deque<UniqueFd> streams_ ABSL_GUARDED_BY(mutex_);
};

inline void SendAll(int fd, absl::string_view bytes) {
  while (!bytes.empty()) {
    pollfd out{fd, POLLOUT, 0};
    ASSERT_GT(::poll(&out, 1, 10000), 0);
    const ssize_t n = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) continue;
    ASSERT_GT(n, 0);
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Up to `size` bytes, or what came before end-of-file.
inline std::string Receive(int fd, std::size_t size) {
  std::string bytes;
  while (bytes.size() < size) {
    pollfd in{fd, POLLIN, 0};
    if (::poll(&in, 1, 10000) <= 0) break;
    char buffer[8192];
    const ssize_t n = ::recv(fd, buffer, std::min(sizeof buffer, size - bytes.size()), 0);
    if (n < 0 && errno == EAGAIN) continue;
    if (n <= 0) break;
    bytes.append(buffer, static_cast<std::size_t>(n));
  }
  return bytes;
}

inline bool Ended(int fd) { return Receive(fd, 64 << 20).size() < 64 << 20; }

inline std::unique_ptr<GuestPort> StartGuest(UniqueFd port, Sessions& sessions) {
  auto guest = GuestPort::Start(std::move(port), [&sessions](UniqueFd s) { sessions.Add(std::move(s)); });
  EXPECT_OK(guest);
  return *std::move(guest);
}

inline std::unique_ptr<HostLink> Greet(UniqueFd socket) {
  auto link = HostLink::Greet(std::move(socket), Clock::now() + std::chrono::seconds(20), {});
  EXPECT_OK(link);
  return link.ok() ? *std::move(link) : nullptr;
}

}  // namespace banger::guestlink
