// The part of VmManager that changes a VM that is there.
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/vm_manager.h"
#include "services/vmd/errors.h"

namespace banger::vmd {

absl::StatusOr<VmView> VmManager::Update(const std::string& reference, const UpdateVm& change,
                                         const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const Held held, Hold(reference, stop));
  Vm changed = held.vm;
  BANGER_RETURN_IF_ERROR(ChangeSizes(change.sizes, changed));
  BANGER_RETURN_IF_ERROR(ChangePolicy(change, changed.policy));
  if (change.workspace.has_value()) changed.workspace = *change.workspace;
  // Only what netd and the disk take is stored.
  BANGER_RETURN_IF_ERROR(ApplyPolicy(changed, held.operation->stop()));
  absl::Status done;
  if (changed.sizes != held.vm.sizes) done = ports_.files.GrowDisks(changed.uid, changed.sizes);
  if (done.ok()) done = ports_.store.UpdateSettings(changed);
  // What is in force is what is stored.
  if (!done.ok()) return JoinErrors(done, ApplyPolicy(held.vm, {}));
  return ViewOf(changed.uid);
}

absl::Status VmManager::ChangeSizes(const RequestedSizes& requested, Vm& vm) {
  if (!requested.any()) return absl::OkStatus();
  if (ports_.vmm.Running(vm.uid).has_value()) return VmRunningSizes(vm.name);
  BANGER_RETURN_IF_ERROR(CheckGrowth(requested, vm.sizes));
  BANGER_ASSIGN_OR_RETURN(
      const ResolvedSizes changed,
      ResolveSizes(requested, {.sizes = vm.sizes, .origins = vm.size_origins}, options_.host));
  vm.sizes = changed.sizes;
  vm.size_origins = changed.origins;
  return absl::OkStatus();
}

}  // namespace banger::vmd
