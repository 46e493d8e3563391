#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>

#include "common/sync/mutex.h"

namespace banger {

// How far long work has come.
struct Progress {
  std::string stage;
  std::int64_t done_bytes = 0;
  std::int64_t total_bytes = 0;  // 0: unknown or not counted
  std::string detail;
};

// Called from the thread that works, which it must not hold up.
using ProgressFn = std::function<void(const Progress&)>;

// Tells the progress of shared work to everybody who waits for it. Thread-safe.
class ProgressFanout {
 public:
  // Listens to `key` as long as it lives; must not outlive the fanout.
  class Subscription {
   public:
    Subscription(ProgressFanout& owner, std::string key, ProgressFn listener)
        : owner_(owner), key_(std::move(key)), listener_(std::move(listener)) {
      const MutexLock lock(owner_.mutex_);
      owner_.listeners_.emplace(key_, this);
    }
    ~Subscription() {
      const MutexLock lock(owner_.mutex_);
      auto [it, end] = owner_.listeners_.equal_range(key_);
      while (it != end) it = it->second == this ? owner_.listeners_.erase(it) : std::next(it);
    }
    Subscription(const Subscription&) = delete;
    Subscription& operator=(const Subscription&) = delete;

   private:
    friend class ProgressFanout;
    ProgressFanout& owner_;
    const std::string key_;
    const ProgressFn listener_;
  };

  void Send(const std::string& key, const Progress& progress) {
    const MutexLock lock(mutex_);
    const auto range = listeners_.equal_range(key);
    for (auto it = range.first; it != range.second; ++it) it->second->listener_(progress);
  }

 private:
  Mutex mutex_;
  std::multimap<std::string, Subscription*> listeners_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger
