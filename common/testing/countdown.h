#pragma once

#include <condition_variable>
#include <mutex>

namespace banger {

// Lets threads of a test wait for each other. Stands in for std::latch, whose
// wait() of libstdc++ 12 now and then misses the last count_down (seen here
// with ServerCallTest, one run in a hundred).
class Countdown {
 public:
  explicit Countdown(int count) : count_(count) {}

  void CountDown() {
    const std::lock_guard lock(mutex_);
    if (--count_ <= 0) reached_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    reached_.wait(lock, [this] { return count_ <= 0; });
  }
  void CountDownAndWait() {
    CountDown();
    Wait();
  }

 private:
  std::mutex mutex_;
  std::condition_variable reached_;
  int count_;
};

}  // namespace banger
