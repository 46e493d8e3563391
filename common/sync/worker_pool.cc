#include "common/sync/worker_pool.h"

#include <utility>

namespace banger {

WorkerPool::WorkerPool(std::size_t max_threads, std::size_t max_queued)
    : max_threads_(max_threads), max_queued_(max_queued) {}

WorkerPool::~WorkerPool() {
  std::vector<std::thread> threads;
  {
    const MutexLock lock(mutex_);
    closing_ = true;
    threads.swap(threads_);
  }
  ready_.notify_all();
  for (std::thread& thread : threads) thread.join();
}

bool WorkerPool::Submit(std::function<void()> job) {
  const MutexLock lock(mutex_);
  if (closing_) return false;
  if (idle_ > jobs_.size()) {
    jobs_.push_back(std::move(job));
    ready_.notify_one();
    return true;
  }
  if (threads_.size() < max_threads_) {
    jobs_.push_back(std::move(job));
    threads_.emplace_back([this] { Work(); });
    return true;
  }
  if (jobs_.size() >= max_queued_) return false;
  jobs_.push_back(std::move(job));
  return true;
}

void WorkerPool::Work() {
  for (;;) {
    std::function<void()> job;
    {
      MutexLock lock(mutex_);
      ++idle_;
      while (jobs_.empty() && !closing_) ready_.wait(lock);
      --idle_;
      if (jobs_.empty()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    job();
  }
}

}  // namespace banger
