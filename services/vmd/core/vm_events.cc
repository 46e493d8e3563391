#include "services/vmd/core/vm_events.h"

#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "services/vmd/core/names.h"
#include "services/vmd/errors.h"

namespace banger::vmd {

VmEvents::VmEvents() : run_(GenerateVmUid()) {}

void VmEvents::Publish(VmEvent event) {
  auto shared = std::make_shared<const VmEvent>(std::move(event));
  const MutexLock lock(mutex_);
  events_.push_back(std::move(shared));
  if (events_.size() > kKept) events_.pop_front();
  ++end_;
  published_.notify_all();
}

VmEvents::Position VmEvents::Now() const {
  const MutexLock lock(mutex_);
  return end_;
}

std::string VmEvents::Token(Position position) const { return absl::StrCat(run_, "-", position); }

absl::StatusOr<VmEvents::Position> VmEvents::Parse(const std::string& token) const {
  const std::vector<std::string> parts = absl::StrSplit(token, '-');
  Position position = 0;
  if (parts.size() != 2 || !absl::SimpleAtoi(parts[1], &position))
    return FieldInvalid("resume_token", "is not one of WatchVms");
  const MutexLock lock(mutex_);
  if (parts[0] != run_) return WatchExpired("vmd has been restarted since");
  if (position > end_) return FieldInvalid("resume_token", "is not one of WatchVms");
  if (position < end_ - events_.size()) return WatchExpired("too much has happened since");
  return position;
}

absl::StatusOr<std::shared_ptr<const VmEvent>> VmEvents::Next(Position& position,
                                                              const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const bool there =
      published_.wait(lock, stop, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return position < end_; });
  if (!there) return absl::CancelledError("stopped while watching VMs");
  const Position first = end_ - events_.size();
  if (position < first) return WatchExpired("it was read too slowly");
  return events_[position++ - first];
}

absl::StatusOr<VmEvents::Seat> VmEvents::Sit() {
  const MutexLock lock(mutex_);
  if (watchers_ >= kMaxWatchers)
    return absl::ResourceExhaustedError(absl::StrCat(kMaxWatchers, " watch VMs already: as many as may"));
  ++watchers_;
  return Seat(this);
}

VmEvents::Seat::~Seat() {
  if (owner_ == nullptr) return;
  const MutexLock lock(owner_->mutex_);
  --owner_->watchers_;
}

}  // namespace banger::vmd
