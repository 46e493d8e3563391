#include "common/sync/keyed_lock.h"

#include "absl/strings/str_cat.h"

namespace banger {

KeyedLock::Hold::~Hold() {
  if (owner_ != nullptr) owner_->Release(key_);
}

absl::StatusOr<KeyedLock::Hold> KeyedLock::Acquire(const std::string& key, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const bool is_free = released_.wait(
      lock, stop, [this, &key]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return !held_.contains(key); });
  if (!is_free) return absl::CancelledError(absl::StrCat("stopped while waiting for '", key, "'"));
  held_.insert(key);
  return Hold(this, key);
}

void KeyedLock::Release(const std::string& key) {
  {
    const MutexLock lock(mutex_);
    held_.erase(key);
  }
  released_.notify_all();
}

}  // namespace banger
