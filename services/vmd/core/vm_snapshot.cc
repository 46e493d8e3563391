// The part of VmManager that keeps what VMs are, and makes them again what they were.
#include <chrono>
#include <utility>

#include "absl/cleanup/cleanup.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/names.h"
#include "services/vmd/core/vm_manager.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

// For a guest that goes on after a snapshot; it has stood still only for a moment.
constexpr std::chrono::seconds kSetTimeTimeout{5};

std::string NameOfTime(Time now) {
  return absl::FormatTime("%Y%m%d-%H%M%S", absl::FromChrono(now), absl::UTCTimeZone());
}

std::string Shape(const VmSizes& sizes) {
  return absl::StrCat(sizes.vcpu, " virtual CPUs and ", sizes.memory_mib, " MiB");
}

}  // namespace

absl::StatusOr<Snapshot> VmManager::CreateSnapshot(const std::string& reference, const std::string& name,
                                                   const ProgressFn& progress, const std::stop_token& stop) {
  const std::string chosen = name.empty() ? NameOfTime(ports_.clock.Now()) : name;
  if (!IsValidVmName(chosen)) return SnapshotNameInvalid(chosen);
  BANGER_ASSIGN_OR_RETURN(const Held held, Hold(reference, stop));
  const std::string& uid = held.vm.uid;
  BANGER_RETURN_IF_ERROR(ports_.snapshots.CheckFree(uid, chosen));
  const absl::Cleanup abandon = [&] { ports_.snapshots.Abandon(uid).IgnoreError(); };
  BANGER_ASSIGN_OR_RETURN(Snapshot snapshot, Capture(held, progress));
  snapshot.name = chosen;
  progress({.stage = "seal"});
  return ports_.snapshots.Publish(uid, snapshot, held.operation->stop());
}

absl::StatusOr<Snapshot> VmManager::Capture(const Held& held, const ProgressFn& progress) {
  const Vm& vm = held.vm;
  const std::stop_token stop = held.operation->stop();
  BANGER_ASSIGN_OR_RETURN(const ImageFiles image, ports_.images.Acquire(vm.image, vm.uid, stop));
  Snapshot snapshot{.vm = vm.name,
                    .create_time = ports_.clock.Now(),
                    .image = vm.image,
                    .sizes = vm.sizes,
                    .workspace = vm.workspace};
  BANGER_ASSIGN_OR_RETURN(snapshot.kernel, ports_.snapshots.IdentifyKernel(image.vmlinux));
  // Whatever is told is told before: nobody keeps the guest waiting.
  const bool runs = ports_.vmm.Running(vm.uid).has_value();
  progress({.stage = "save", .detail = runs ? "memory and disks" : "disks"});
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path directory, ports_.snapshots.Begin(vm.uid));
  if (!runs) {
    BANGER_RETURN_IF_ERROR(ports_.snapshots.CopyDisks(vm.uid, /*with_agent=*/false));
    return snapshot;
  }
  BANGER_ASSIGN_OR_RETURN(snapshot.machine, FreezeHeld(held, directory));
  return snapshot;
}

absl::StatusOr<FrozenMachine> VmManager::FreezeHeld(const Held& held,
                                                    const std::filesystem::path& directory) {
  const Vm& vm = held.vm;
  if (vm.state != VmState::kRunning && vm.state != VmState::kPaused) return VmNotRunning(vm.name);
  FrozenMachine machine{.network_mode = vm.network_mode, .mac = vm.mac};
  absl::Status frozen = Annotate(ports_.vmm.Pause(vm.uid), "pause the VMM");
  if (frozen.ok()) {
    absl::StatusOr<VmmIdentity> vmm = ports_.vmm.Freeze(vm.uid, directory, held.operation->stop());
    frozen = Annotate(vmm.status(), "save the memory");
    if (vmm.ok()) machine.vmm = *std::move(vmm);
  }
  if (frozen.ok()) frozen = ports_.snapshots.CopyDisks(vm.uid, /*with_agent=*/true);
  if (vm.state == VmState::kRunning) frozen = JoinErrors(frozen, ContinueHeld(vm));
  if (!frozen.ok()) return frozen;
  return machine;
}

absl::Status VmManager::ContinueHeld(const Vm& vm) {
  BANGER_RETURN_IF_ERROR(Annotate(ports_.vmm.Resume(vm.uid), "resume the VMM"));
  const absl::Status set = ports_.guests.SetTime(vm.uid, kSetTimeTimeout, shutdown_.get_token());
  if (!set.ok())
    log::Warn("a guest's clock is behind by the time its snapshot took",
              {{"vm", vm.name}, {"error", std::string(set.message())}});
  return absl::OkStatus();
}

absl::StatusOr<std::vector<Snapshot>> VmManager::ListSnapshots(const std::string& reference) {
  BANGER_ASSIGN_OR_RETURN(const Vm vm, Resolve(reference));
  BANGER_ASSIGN_OR_RETURN(std::vector<Snapshot> snapshots, ports_.snapshots.List(vm.uid));
  for (Snapshot& snapshot : snapshots) snapshot.vm = vm.name;
  return snapshots;
}

absl::Status VmManager::DeleteSnapshot(const std::string& reference, const std::string& name,
                                       const std::stop_token& stop) {
  if (!IsValidVmName(name)) return SnapshotNameInvalid(name);
  BANGER_ASSIGN_OR_RETURN(const Held held, Hold(reference, stop));
  return ports_.snapshots.Delete(held.vm.uid, name);
}

absl::StatusOr<Snapshot> VmManager::UsableSnapshot(const Held& held, const std::string& name,
                                                   const ProgressFn& progress) {
  if (!IsValidVmName(name)) return SnapshotNameInvalid(name);
  const std::stop_token stop = held.operation->stop();
  BANGER_ASSIGN_OR_RETURN(Snapshot snapshot, ports_.snapshots.Find(held.vm.uid, name));
  BANGER_ASSIGN_OR_RETURN(const ImageFiles image, ports_.images.Acquire(held.vm.image, held.vm.uid, stop));
  BANGER_ASSIGN_OR_RETURN(const KernelIdentity kernel, ports_.snapshots.IdentifyKernel(image.vmlinux));
  if (snapshot.machine.has_value() && snapshot.kernel != kernel)
    return SnapshotUnfit(absl::StrCat("its kernel is ", snapshot.kernel.release, " (",
                                      snapshot.kernel.digest.substr(0, 12), "), that of image '",
                                      held.vm.image, "' is ", kernel.release, " (",
                                      kernel.digest.substr(0, 12), ")"));
  progress({.stage = "verify"});
  BANGER_RETURN_IF_ERROR(ports_.snapshots.Verify(held.vm.uid, name, stop));
  return snapshot;
}

absl::StatusOr<VmView> VmManager::Restore(const std::string& reference, const std::string& name,
                                          const ProgressFn& progress, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(Held held, Hold(reference, stop));
  const Vm& vm = held.vm;
  BANGER_ASSIGN_OR_RETURN(const Snapshot snapshot, UsableSnapshot(held, name, progress));
  if (snapshot.machine.has_value() &&
      (snapshot.sizes.vcpu != vm.sizes.vcpu || snapshot.sizes.memory_mib != vm.sizes.memory_mib))
    return SnapshotUnfit(absl::StrCat("it is of ", Shape(snapshot.sizes), ", VM '", vm.name, "' has ",
                                      Shape(vm.sizes), " now"));
  const absl::Cleanup drop = [&] { ports_.snapshots.DropStage(vm.uid).IgnoreError(); };
  progress({.stage = "copy disks"});
  BANGER_RETURN_IF_ERROR(ports_.snapshots.Stage(vm.uid, name, vm.uid));
  BANGER_RETURN_IF_ERROR(BringBack(held, snapshot, progress));
  return View(held.vm);
}

// From here on what the VM was until now is lost, but for its disks.
absl::Status VmManager::BringBack(Held& held, const Snapshot& snapshot, const ProgressFn& progress) {
  Vm& vm = held.vm;
  const Vm before = vm;
  if (ports_.vmm.Running(vm.uid).has_value()) {
    vm.state = VmState::kStopping;
    vm.state_detail.clear();
    BANGER_RETURN_IF_ERROR(ports_.store.Update(vm));
  }
  absl::Status done = resources_.GiveBack(vm.uid, Resource::kTap);
  vm.sizes.disk_size_bytes = snapshot.sizes.disk_size_bytes;
  vm.sizes.rootfs_size_bytes = snapshot.sizes.rootfs_size_bytes;
  vm.workspace = snapshot.workspace;
  if (done.ok() && snapshot.machine.has_value()) {
    done = booter_.Boot(vm, progress, held.operation->stop(), &*snapshot.machine);
    if (done.ok()) return done;
  } else if (done.ok()) {
    done = ports_.snapshots.CommitStage(vm.uid);
  }
  if (held.operation->interrupted()) done = VmDeleted(vm.name);
  if (!done.ok()) {
    vm.sizes = before.sizes;
    vm.workspace = before.workspace;
  }
  vm.state = VmState::kStopped;
  vm.state_detail =
      done.ok() ? "" : absl::StrCat("restore of '", snapshot.name, "' failed: ", done.message());
  return JoinErrors(done, Settled(vm.uid, ports_.store.Update(vm)));
}

}  // namespace banger::vmd
