// The part of VmManager that stops VMs that nobody has touched for long.
#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {
namespace {

constexpr std::size_t kPage = 1000;

}  // namespace

// Also when nothing is stopped: the next vmd may be configured otherwise.
void VmManager::SaveTouched() {
  for (const auto& [uid, touched] : uses_.TakeTouched()) ports_.store.Touch(uid, touched).IgnoreError();
}

void VmManager::StopStale() {
  SaveTouched();
  if (options_.stale_after.count() == 0) return;
  std::string after;
  for (;;) {
    const absl::StatusOr<std::vector<Vm>> rows = ports_.store.List(after, kPage, Which::kUp);
    if (!rows.ok()) return;
    for (const Vm& vm : *rows)
      if (IsStale(vm) && !background_.Submit([this, uid = vm.uid] { StopOneStale(uid).IgnoreError(); }))
        return;
    if (rows->size() < kPage) return;
    after = PageKey(rows->back());
  }
}

bool VmManager::IsStale(const Vm& vm) const {
  if (vm.state != VmState::kRunning) return false;
  const VmUses::Last last = uses_.Of(vm.uid);
  const Time touched = std::max({vm.start_time, vm.touch_time, last.touched});
  return !last.in_use && ports_.clock.Now() - touched >= options_.stale_after;
}

absl::Status VmManager::StopOneStale(const std::string& uid) {
  BANGER_ASSIGN_OR_RETURN(Held held, HoldUid(uid, shutdown_.get_token()));
  // Somebody may have come meanwhile.
  if (!IsStale(held.vm)) return absl::OkStatus();
  const std::string unused = absl::StrCat("stopped: nobody has used it for ",
                                          absl::FormatDuration(absl::FromChrono(options_.stale_after)));
  BANGER_RETURN_IF_ERROR(ports_.store.ChangeState(uid, {VmState::kRunning}, VmState::kStopping, "").status());
  held.vm.state = VmState::kStopping;
  // From here on nobody begins to use it; who did so just before goes on.
  if (uses_.Of(uid).in_use)
    return ports_.store.ChangeState(uid, {VmState::kStopping}, VmState::kRunning, "").status();
  log::Info("stopping a VM that nobody uses", {{"vm", held.vm.name}});
  BANGER_RETURN_IF_ERROR(StopHeld(held, kStopTimeout));
  held.vm.state_detail =
      held.vm.state_detail.empty() ? unused : absl::StrCat(unused, "; ", held.vm.state_detail);
  return ports_.store.Update(held.vm);
}

}  // namespace banger::vmd
