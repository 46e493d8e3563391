// One thread that waits for descriptors and moments.
#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"

namespace banger::netd::dns {

// Everything but Stop and Post belongs to the thread that runs it (or comes before
// Run).
// A handler may remove any watch or timer, its own too, and delete what they
// belong to: nothing removed is called again.
class EventLoop {
 public:
  using Clock = std::chrono::steady_clock;
  using Handler = std::function<void(std::uint32_t events)>;
  using TimerId = std::pair<Clock::time_point, std::uint64_t>;

  static absl::StatusOr<std::unique_ptr<EventLoop>> Create();

  // `events` are epoll's, level-triggered. One watch for each descriptor, to be
  // removed before it is closed.
  absl::Status Watch(int fd, std::uint32_t events, Handler handler);
  void Rewatch(int fd, std::uint32_t events);
  void Unwatch(int fd);

  TimerId After(std::chrono::milliseconds delay, std::function<void()> handler);
  // Fine when it has rung.
  void Cancel(const TimerId& timer) { timers_.erase(timer); }

  // Runs it soon on the loop's thread; dropped with the loop. From any thread.
  void Post(std::function<void()> job) ABSL_LOCKS_EXCLUDED(mutex_);

  // Until Stop, which any thread may call, also before.
  void Run();
  void Stop() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Watched {
    std::uint32_t generation;
    std::shared_ptr<const Handler> handler;
  };

  EventLoop(UniqueFd epoll, UniqueFd wake) : epoll_(std::move(epoll)), wake_(std::move(wake)) {}
  void Wake();
  void OnWake() ABSL_LOCKS_EXCLUDED(mutex_);
  void Ring();
  int MillisecondsToNextTimer() const;

  const UniqueFd epoll_;
  const UniqueFd wake_;
  bool stopped_ = false;
  std::uint32_t generation_ = 0;
  std::uint64_t timer_number_ = 0;
  std::unordered_map<int, Watched> watched_;
  std::map<TimerId, std::function<void()>> timers_;
  Mutex mutex_;
  bool stop_asked_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::function<void()>> posted_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::netd::dns
