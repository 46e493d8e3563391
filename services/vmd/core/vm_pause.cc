// The part of VmManager that stands VMs still and lets them go on.
#include <chrono>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/vm_manager.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

// For the guest to take the time; it has just begun to run again.
constexpr std::chrono::seconds kSetTimeTimeout{20};

}  // namespace

absl::StatusOr<VmView> VmManager::Pause(const std::string& reference, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(Held held, Hold(reference, stop));
  Vm& vm = held.vm;
  if (vm.state == VmState::kPaused) return View(vm);
  if (vm.state != VmState::kRunning || !ports_.vmm.Running(vm.uid).has_value()) return VmNotRunning(vm.name);
  absl::Status paused = Annotate(ports_.vmm.Pause(vm.uid), "pause the VMM");
  // An end of the VMM that came before this is not overwritten.
  if (paused.ok())
    paused = ports_.store.ChangeState(vm.uid, {VmState::kRunning}, VmState::kPaused, "").status();
  // A VMM that was late with its answer may still obey.
  if (!paused.ok()) {
    ports_.vmm.Resume(vm.uid).IgnoreError();
    return paused;
  }
  return ViewOf(vm.uid);
}

absl::StatusOr<VmView> VmManager::Resume(const std::string& reference, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(Held held, Hold(reference, stop));
  const Vm& vm = held.vm;
  const bool stands = vm.state == VmState::kPaused;
  if ((!stands && vm.state != VmState::kRunning) || !ports_.vmm.Running(vm.uid).has_value())
    return VmNotRunning(vm.name);
  // Also of one that runs: so a second attempt mends what the first could not.
  BANGER_RETURN_IF_ERROR(Annotate(ports_.vmm.Resume(vm.uid), "resume the VMM"));
  if (stands)
    BANGER_RETURN_IF_ERROR(
        ports_.store.ChangeState(vm.uid, {VmState::kPaused}, VmState::kRunning, "").status());
  const absl::Status set = ports_.guests.SetTime(vm.uid, kSetTimeTimeout, held.operation->stop());
  if (!set.ok())
    return GuestUnreachable(vm.name,
                            absl::StrCat("it runs, but its clock could not be set: ", set.message()));
  return ViewOf(vm.uid);
}

}  // namespace banger::vmd
