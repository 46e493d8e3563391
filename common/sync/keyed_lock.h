#pragma once

#include <condition_variable>
#include <set>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"

namespace banger {

// One lock a name: work on one name is serial, on different names parallel.
// Waiting ends when stopped, so that a cancelled caller never hangs behind a
// wedged one. Thread-safe.
class KeyedLock {
 public:
  // Holds one name until destroyed; must not outlive the KeyedLock.
  class Hold {
   public:
    Hold(Hold&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)), key_(std::move(other.key_)) {}
    Hold& operator=(Hold&&) = delete;
    ~Hold();

   private:
    friend class KeyedLock;
    Hold(KeyedLock* owner, std::string key) : owner_(owner), key_(std::move(key)) {}

    KeyedLock* owner_;
    std::string key_;
  };

  // CANCELLED when it would have to wait and is stopped.
  absl::StatusOr<Hold> Acquire(const std::string& key, const std::stop_token& stop);

 private:
  void Release(const std::string& key);

  Mutex mutex_;
  std::condition_variable_any released_;
  std::set<std::string> held_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger
