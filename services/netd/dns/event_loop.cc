#include "services/netd/dns/event_loop.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd::dns {
namespace {

// A descriptor's number is used again soon; its generation never is.
std::uint64_t Tag(int fd, std::uint32_t generation) {
  return std::uint64_t{generation} << 32 | static_cast<std::uint32_t>(fd);
}

}  // namespace

absl::StatusOr<std::unique_ptr<EventLoop>> EventLoop::Create() {
  UniqueFd epoll(::epoll_create1(EPOLL_CLOEXEC));
  if (!epoll.valid()) return ErrnoError(errno, "create epoll");
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wake.valid()) return ErrnoError(errno, "create eventfd");
  std::unique_ptr<EventLoop> loop(new EventLoop(std::move(epoll), std::move(wake)));
  EventLoop* const self = loop.get();
  BANGER_RETURN_IF_ERROR(loop->Watch(loop->wake_.get(), EPOLLIN, [self](std::uint32_t) { self->OnWake(); }));
  return loop;
}

void EventLoop::Wake() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
}

void EventLoop::OnWake() {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t n = ::read(wake_.get(), &count, sizeof count);
  std::vector<std::function<void()>> jobs;
  {
    const MutexLock lock(mutex_);
    jobs.swap(posted_);
    stopped_ = stop_asked_;
    stop_asked_ = false;
  }
  for (const std::function<void()>& job : jobs) job();
}

void EventLoop::Post(std::function<void()> job) {
  {
    const MutexLock lock(mutex_);
    posted_.push_back(std::move(job));
  }
  Wake();
}

absl::Status EventLoop::Watch(int fd, std::uint32_t events, Handler handler) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = Tag(fd, ++generation_);
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) < 0) return ErrnoError(errno, "watch a socket");
  watched_[fd] = {generation_, std::make_shared<const Handler>(std::move(handler))};
  return absl::OkStatus();
}

void EventLoop::Rewatch(int fd, std::uint32_t events) {
  const auto found = watched_.find(fd);
  if (found == watched_.end()) return;
  epoll_event event{};
  event.events = events;
  event.data.u64 = Tag(fd, found->second.generation);
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &event);
}

void EventLoop::Unwatch(int fd) {
  if (watched_.erase(fd) > 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

EventLoop::TimerId EventLoop::After(std::chrono::milliseconds delay, std::function<void()> handler) {
  const TimerId id(Clock::now() + delay, ++timer_number_);
  timers_[id] = std::move(handler);
  return id;
}

void EventLoop::Run() {
  std::array<epoll_event, 64> events;
  stopped_ = false;
  while (!stopped_) {
    const int n =
        ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), MillisecondsToNextTimer());
    for (int i = 0; i < n; ++i) {
      const epoll_event& event = events[static_cast<std::size_t>(i)];
      const auto found = watched_.find(static_cast<int>(event.data.u64 & 0xffffffff));
      if (found == watched_.end() || found->second.generation != event.data.u64 >> 32) continue;
      // Holds the handler while it runs, as it may remove itself.
      const std::shared_ptr<const Handler> handler = found->second.handler;
      (*handler)(event.events);
    }
    Ring();
  }
}

void EventLoop::Ring() {
  const Clock::time_point now = Clock::now();
  while (!timers_.empty() && timers_.begin()->first.first <= now) {
    const std::function<void()> handler = std::move(timers_.begin()->second);
    timers_.erase(timers_.begin());
    handler();
  }
}

int EventLoop::MillisecondsToNextTimer() const {
  if (timers_.empty()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(timers_.begin()->first.first - Clock::now());
  return static_cast<int>(std::max<std::int64_t>(left.count(), 0));
}

void EventLoop::Stop() {
  {
    const MutexLock lock(mutex_);
    stop_asked_ = true;
  }
  Wake();
}

}  // namespace banger::netd::dns
