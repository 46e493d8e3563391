// The part of VmManager that makes VMs of VMs.
#include <optional>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/names.h"
#include "services/vmd/core/vm_manager.h"
#include "services/vmd/errors.h"

namespace banger::vmd {

absl::StatusOr<VmView> VmManager::Clone(const std::string& reference, const CloneVm& request,
                                        const ProgressFn& progress, const std::stop_token& stop) {
  if (!request.name.empty() && !IsValidVmName(request.name)) return VmNameInvalid(request.name);
  if (LooksLikeVmUid(request.name)) return VmNameInvalid(request.name);
  Vm vm{.uid = GenerateVmUid(), .name = request.name};
  // Held before the row can be seen, so nobody gets between.
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<VmOperation> operation, operations_.Begin(vm.uid, stop));
  std::optional<FrozenMachine> frozen;
  absl::Status cloned;
  {
    // Only until all is copied: a clone that does not come up keeps nobody from the other.
    BANGER_ASSIGN_OR_RETURN(const Held source, Hold(reference, operation->stop()));
    vm.image = source.vm.image;
    vm.sizes = source.vm.sizes;
    vm.size_origins = source.vm.size_origins;
    vm.policy = source.vm.policy;
    vm.exec = source.vm.exec;
    vm.provisional = true;
    vm.create_time = ports_.clock.Now();
    BANGER_RETURN_IF_ERROR(Reserve(vm, request.name.empty()));
    cloned = StageClone(source, request.snapshot, vm, frozen, progress);
  }
  if (cloned.ok())
    cloned = frozen.has_value() ? booter_.Boot(vm, progress, operation->stop(), &*frozen)
                                : ports_.snapshots.CommitStage(vm.uid);
  if (cloned.ok()) {
    BANGER_RETURN_IF_ERROR(FinishCreate(vm, *operation, cloned));
    return View(vm);
  }
  cloned = JoinErrors(cloned, Settled(vm.uid, DeleteHeld(vm)));
  if (operation->interrupted()) return VmDeleted(vm.name);
  return cloned;
}

absl::Status VmManager::StageClone(const Held& source, const std::string& snapshot, Vm& vm,
                                   std::optional<FrozenMachine>& frozen, const ProgressFn& progress) {
  const std::string& from = source.vm.uid;
  const std::stop_token stop = source.operation->stop();
  const absl::Cleanup abandon = [&] { ports_.snapshots.Abandon(from).IgnoreError(); };
  absl::StatusOr<Snapshot> taken =
      snapshot.empty() ? Capture(source, progress) : UsableSnapshot(source, snapshot, progress);
  if (!taken.ok()) return taken.status();
  vm.sizes = taken->sizes;
  vm.workspace = taken->workspace;
  frozen = taken->machine;
  const std::vector<Step> steps = {
      {"acquire image", Resource::kImageLease, vm.image,
       [&](const std::stop_token& s) { return ports_.images.Acquire(vm.image, vm.uid, s).status(); }},
      {"copy disks", Resource::kDisks, "",
       [&](const std::stop_token&) { return ports_.snapshots.Stage(from, snapshot, vm.uid); }},
  };
  return resources_.Make(vm.uid, steps, progress, stop);
}

}  // namespace banger::vmd
