#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"

namespace banger {

// Equal work is done once: callers that ask for the same key while it runs
// share its result. The work runs on a thread of its own and is stopped when
// its last caller has left. Thread-safe; the destructor waits for all work.
template <typename T>
class SingleFlight {
 public:
  using Work = std::function<absl::StatusOr<T>(std::stop_token)>;
  using Clock = std::chrono::steady_clock;

  ~SingleFlight() {
    MutexLock lock(mutex_);
    idle_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return running_ == 0; });
  }

  // CANCELLED when `stop` comes first, DEADLINE_EXCEEDED when the deadline does; the
  // others wait on. Keys may be secret: no error names them.
  absl::StatusOr<T> Do(const std::string& key, const std::stop_token& stop, Work work,
                       Clock::time_point deadline = Clock::time_point::max()) {
    const std::shared_ptr<Flight> flight = Join(key, std::move(work));
    absl::StatusOr<T> result = absl::DeadlineExceededError("not done in time");
    {
      MutexLock lock(mutex_);
      const auto done = [&flight] { return flight->result.has_value(); };
      if (flight->landed.wait_until(lock, stop, deadline, done)) {
        result = *flight->result;
      } else if (stop.stop_requested()) {
        result = absl::CancelledError("stopped");
      }
      if (--flight->callers == 0) {
        flight->stop.request_stop();
        // A later caller starts anew instead of joining work that is being stopped.
        if (const auto it = flights_.find(key); it != flights_.end() && it->second == flight)
          flights_.erase(it);
      }
    }
    return result;
  }

 private:
  struct Flight {
    std::stop_source stop;
    std::condition_variable_any landed;
    int callers = 0;
    std::optional<absl::StatusOr<T>> result;
  };

  std::shared_ptr<Flight> Join(const std::string& key, Work work) {
    const MutexLock lock(mutex_);
    std::shared_ptr<Flight>& flight = flights_[key];
    if (flight == nullptr) {
      flight = std::make_shared<Flight>();
      ++running_;
      std::thread([this, key, flight = flight, work = std::move(work)] { Run(key, flight, work); }).detach();
    }
    ++flight->callers;
    return flight;
  }

  void Run(const std::string& key, const std::shared_ptr<Flight>& flight, const Work& work) {
    absl::StatusOr<T> result = work(flight->stop.get_token());
    const MutexLock lock(mutex_);
    flight->result = std::move(result);
    if (const auto it = flights_.find(key); it != flights_.end() && it->second == flight) flights_.erase(it);
    flight->landed.notify_all();
    --running_;
    idle_.notify_all();
  }

  Mutex mutex_;
  std::condition_variable_any idle_;
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::shared_ptr<Flight>> flights_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger
