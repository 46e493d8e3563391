#pragma once

#include <condition_variable>
#include <functional>
#include <stop_token>
#include <utility>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"

namespace banger::vmd {

// So many VMs boot at a time: more at once would all be too slow to be ready in
// time. Thread-safe; outlives its slots.
class BootSlots {
 public:
  class Slot {
   public:
    explicit Slot(BootSlots* owner) : owner_(owner) {}
    Slot(Slot&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
    Slot& operator=(Slot&&) = delete;
    ~Slot() {
      if (owner_ != nullptr) owner_->Release();
    }

   private:
    BootSlots* owner_;
  };

  explicit BootSlots(int count) : free_(count) {}

  // Calls `on_wait` once if none is free. CANCELLED when stopped while waiting.
  absl::StatusOr<Slot> Take(const std::function<void()>& on_wait, const std::stop_token& stop);

 private:
  bool TryTake();
  void Release();

  Mutex mutex_;
  std::condition_variable_any released_;
  int free_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::vmd
