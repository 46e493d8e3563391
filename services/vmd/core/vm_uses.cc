#include "services/vmd/core/vm_uses.h"

namespace banger::vmd {

VmUses::Use VmUses::Begin(const std::string& uid) {
  const MutexLock lock(mutex_);
  Record& record = records_[uid];
  ++record.uses;
  record.touched = clock_.Now();
  record.taken = false;
  return Use(this, uid);
}

void VmUses::End(const std::string& uid) {
  const MutexLock lock(mutex_);
  const auto record = records_.find(uid);
  if (record == records_.end()) return;
  if (--record->second.uses == 0 && record->second.gone) {
    records_.erase(record);
    return;
  }
  record->second.touched = clock_.Now();
  record->second.taken = false;
}

VmUses::Last VmUses::Of(const std::string& uid) const {
  const MutexLock lock(mutex_);
  const auto record = records_.find(uid);
  if (record == records_.end()) return {};
  return {.in_use = record->second.uses > 0, .touched = record->second.touched};
}

std::vector<std::pair<std::string, Time>> VmUses::TakeTouched() {
  const MutexLock lock(mutex_);
  std::vector<std::pair<std::string, Time>> touched;
  for (auto& [uid, record] : records_) {
    // In use is touched now.
    if (record.uses > 0) record.touched = clock_.Now();
    if (record.uses == 0 && record.taken) continue;
    touched.emplace_back(uid, record.touched);
    record.taken = true;
  }
  return touched;
}

void VmUses::Forget(const std::string& uid) {
  const MutexLock lock(mutex_);
  const auto record = records_.find(uid);
  if (record == records_.end()) return;
  record->second.gone = true;
  if (record->second.uses == 0) records_.erase(record);
}

}  // namespace banger::vmd
