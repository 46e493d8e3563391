#include "services/vmd/core/boot_slots.h"

namespace banger::vmd {

absl::StatusOr<BootSlots::Slot> BootSlots::Take(const std::function<void()>& on_wait,
                                                const std::stop_token& stop) {
  if (TryTake()) return Slot(this);
  on_wait();
  MutexLock lock(mutex_);
  if (!released_.wait(lock, stop, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return free_ > 0; }))
    return absl::CancelledError("stopped while waiting for other VMs to boot");
  --free_;
  return Slot(this);
}

bool BootSlots::TryTake() {
  const MutexLock lock(mutex_);
  if (free_ == 0) return false;
  --free_;
  return true;
}

void BootSlots::Release() {
  const MutexLock lock(mutex_);
  ++free_;
  released_.notify_one();
}

}  // namespace banger::vmd
