#include "cli/commands/vm_event_stream.h"

#include <iterator>

namespace banger::cli {

bool VmEventStream::Take(vm::v1::WatchVmsResponse& response) {
  for (const vm::v1::Vm& vm : response.vms()) {
    there_[vm.uid()] = vm.name();
    if (listing_) listed_.insert(vm.uid());
  }
  for (const vm::v1::DeletedVm& vm : response.deleted_vms()) there_.erase(vm.uid());
  if (response.synced()) {
    if (listing_) EndList(response);
    response.set_synced(!synced_);
    synced_ = true;
  }
  return response.vms_size() > 0 || response.deleted_vms_size() > 0 || response.synced();
}

void VmEventStream::EndList(vm::v1::WatchVmsResponse& response) {
  for (auto vm = there_.begin(); vm != there_.end();) {
    const bool there = listed_.contains(vm->first);
    if (!there) {
      vm::v1::DeletedVm& gone = *response.add_deleted_vms();
      gone.set_uid(vm->first);
      gone.set_name(vm->second);
    }
    vm = there ? std::next(vm) : there_.erase(vm);
  }
  listing_ = false;
}

void VmEventStream::Restart() {
  listing_ = true;
  listed_.clear();
}

}  // namespace banger::cli
