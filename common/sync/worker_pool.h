#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "common/sync/mutex.h"

namespace banger {

// Runs blocking work on at most `max_threads` threads, which are made when
// there is work and none is free, and then kept. The queue is bounded, so that
// an overloaded service answers "try later" instead of growing without end.
// Thread-safe.
class WorkerPool {
 public:
  WorkerPool(std::size_t max_threads, std::size_t max_queued);
  // Finishes what is queued, then joins.
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // False when all threads are busy and the queue is full.
  [[nodiscard]] bool Submit(std::function<void()> job) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Work();

  const std::size_t max_threads_;
  const std::size_t max_queued_;
  Mutex mutex_;
  std::condition_variable_any ready_;
  std::deque<std::function<void()>> jobs_ ABSL_GUARDED_BY(mutex_);
  std::size_t idle_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger
