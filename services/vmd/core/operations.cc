#include "services/vmd/core/operations.h"

#include <utility>

#include "common/status/status_macros.h"

namespace banger::vmd {

VmOperation::VmOperation(VmOperations& owner, std::string uid, KeyedLock::Hold hold,
                         const std::stop_token& caller)
    : owner_(owner), uid_(std::move(uid)), hold_(std::move(hold)), either_(caller, interrupt_.get_token()) {
  const MutexLock lock(owner_.mutex_);
  owner_.active_[uid_] = this;
}

VmOperation::~VmOperation() {
  const MutexLock lock(owner_.mutex_);
  owner_.active_.erase(uid_);
}

absl::StatusOr<std::unique_ptr<VmOperation>> VmOperations::Begin(const std::string& uid,
                                                                 const std::stop_token& caller) {
  BANGER_ASSIGN_OR_RETURN(KeyedLock::Hold hold, locks_.Acquire(uid, caller));
  return std::make_unique<VmOperation>(*this, uid, std::move(hold), caller);
}

absl::StatusOr<std::unique_ptr<VmOperation>> VmOperations::TryBegin(const std::string& uid) {
  std::stop_source now;
  now.request_stop();
  BANGER_ASSIGN_OR_RETURN(KeyedLock::Hold hold, locks_.Acquire(uid, now.get_token()));
  return std::make_unique<VmOperation>(*this, uid, std::move(hold), std::stop_token());
}

void VmOperations::Interrupt(const std::string& uid) {
  const MutexLock lock(mutex_);
  const auto active = active_.find(uid);
  if (active == active_.end()) return;
  active->second->interrupt_.request_stop();
}

}  // namespace banger::vmd
