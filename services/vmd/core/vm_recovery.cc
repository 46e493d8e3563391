// The part of VmManager that nobody asked for: VMMs that end by themselves, and
// what vmd finds at its start.
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/vm_manager.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

constexpr std::size_t kPage = 1000;

void LogLeft(const std::string& what, const absl::Status& status) {
  if (!status.ok()) log::Warn("left for later", {{"what", what}, {"error", std::string(status.message())}});
}

std::pair<VmState, std::string> StateAfter(const VmmExit& exit) {
  switch (exit.kind) {
    case VmmExit::Kind::kPoweredOff:
      return {VmState::kStopped, ""};
    case VmmExit::Kind::kRebooted:
      return {VmState::kStopped, "rebooting"};
    case VmmExit::Kind::kPanicked:
      return {VmState::kError, absl::StrCat("the guest's kernel panicked: ", exit.detail)};
    case VmmExit::Kind::kEnded:
      break;
  }
  return {VmState::kStopped, absl::StrCat("the VMM ended", exit.detail.empty() ? "" : ": ", exit.detail)};
}

}  // namespace

void VmManager::OnVmmExit(const std::string& uid, const VmmExit& exit) {
  if (booter_.NoteExit(uid, exit)) return;
  // Without the VM's lock, so that the state is right at once; work on the VM
  // that is under way has another state and sees the end by itself.
  const auto [state, detail] = StateAfter(exit);
  const absl::StatusOr<bool> changed =
      ports_.store.ChangeState(uid, {VmState::kRunning, VmState::kPaused}, state, detail);
  if (!Settled(uid, changed.status()).ok() || !*changed) return;
  const bool boot_again = exit.kind == VmmExit::Kind::kRebooted;
  log::Info("VMM ended", {{"uid", uid}, {"detail", detail}});
  if (!background_.Submit([this, uid, boot_again] { FinishExit(uid, boot_again); }))
    log::Warn("left for later", {{"uid", uid}, {"what", "clean-up after the VMM's end"}});
}

// Gives back what the run had; a guest that rebooted is started again, as a
// machine would be.
void VmManager::FinishExit(const std::string& uid, bool boot_again) {
  absl::StatusOr<Held> held = HoldUid(uid, shutdown_.get_token());
  if (!held.ok()) return;
  if (held->vm.state != VmState::kStopped && held->vm.state != VmState::kError) return;
  if (ports_.vmm.Running(uid).has_value()) return;  // started anew meanwhile
  if (!boot_again) return LogLeft(held->vm.name, resources_.GiveBack(uid, Resource::kTap));
  LogLeft(held->vm.name, BootHeld(*held, [](const Progress&) {}));
}

absl::Status VmManager::Recover() {
  std::string after;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::vector<Vm> rows, ports_.store.List(after, kPage, Which::kAll));
    for (const Vm& vm : rows) {
      LogLeft(vm.name, RecoverOne(vm));
      after = PageKey(vm);
    }
    if (rows.size() < kPage) return absl::OkStatus();
  }
}

absl::Status VmManager::RecoverOne(Vm vm) {
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<VmOperation> operation, operations_.Begin(vm.uid, {}));
  const std::string uid = vm.uid;
  return Settled(uid, RecoverHeld(std::move(vm)));
}

absl::Status VmManager::DeleteHeld(Vm vm) {
  // Whatever comes between is finished later. A store without room does not keep
  // disks from going, as that makes room.
  if (!std::exchange(vm.provisional, true)) LogLeft(vm.name, ports_.store.Update(vm));
  // The ledger outlives the row, so what is left is given back later.
  LogLeft(vm.name, resources_.GiveBack(vm.uid, Resource::kImageLease));
  BANGER_RETURN_IF_ERROR(ports_.store.Delete(vm.uid));
  uses_.Forget(vm.uid);
  const MutexLock lock(mutex_);
  doomed_.erase(vm.uid);
  return absl::OkStatus();
}

absl::Status VmManager::RecoverHeld(Vm vm) {
  const Vm before = vm;
  if (vm.provisional || IsDoomed(vm.uid)) {
    log::Info("finishing a create or delete that was cut short", {{"vm", vm.name}});
    return DeleteHeld(std::move(vm));
  }
  const bool should_run =
      vm.state == VmState::kRunning || vm.state == VmState::kStopping || vm.state == VmState::kPaused;
  if (should_run && ports_.vmm.Running(vm.uid).has_value())
    return JoinErrors(FinishSnapshot(vm), FinishStop(vm));
  const absl::StatusOr<VmmProcess> process =
      should_run ? ports_.vmm.Adopt(vm.uid) : absl::NotFoundError("it should not run");
  const bool later =
      !process.ok() && !absl::IsNotFound(process.status()) && !absl::IsDataLoss(process.status());
  if (later) {
    NoteProblem(vm.uid, absl::StrCat("its VMM could not be taken over yet: ", process.status().message()));
    return Annotate(process.status(), "take over its VMM");
  }
  if (process.ok()) {
    NoteProblem(vm.uid, "");
    log::Info("took over a running VM", {{"vm", vm.name}, {"pid", absl::StrCat(process->pid)}});
    ports_.guests.Open(vm.uid, process->agent, vm.exec);
    LogLeft(vm.name, booter_.OpenPorts(vm.uid));
    return JoinErrors(FinishSnapshot(vm), FinishStop(vm));
  }
  LogLeft(vm.name, ports_.snapshots.Recover(vm.uid));
  const absl::Status given_back = resources_.GiveBack(vm.uid, Resource::kTap);
  if (vm.state == VmState::kRunning || vm.state == VmState::kPaused) vm.state_detail = "found not running";
  if (vm.state == VmState::kStarting) vm.state_detail = "the start was cut short";
  if (vm.state == VmState::kStopping) vm.state_detail.clear();
  if (should_run || vm.state == VmState::kStarting) vm.state = VmState::kStopped;
  return vm == before ? given_back : JoinErrors(given_back, ports_.store.Update(vm));
}

// One that was cut short has stopped its guest.
absl::Status VmManager::FinishSnapshot(const Vm& vm) {
  if (vm.state == VmState::kRunning && ports_.snapshots.IsUnfinished(vm.uid))
    BANGER_RETURN_IF_ERROR(Annotate(ports_.vmm.Resume(vm.uid), "let it go on after a snapshot"));
  return ports_.snapshots.Recover(vm.uid);
}

absl::Status VmManager::FinishStop(const Vm& vm) {
  if (vm.state != VmState::kStopping) return absl::OkStatus();
  const bool queued = background_.Submit([this, uid = vm.uid] { LogLeft(uid, FinishStopOf(uid)); });
  return queued ? absl::OkStatus() : absl::ResourceExhaustedError("too much work to finish the stop");
}

absl::Status VmManager::FinishStopOf(const std::string& uid) {
  BANGER_ASSIGN_OR_RETURN(Held held, HoldUid(uid, shutdown_.get_token()));
  return StopHeld(held, kStopTimeout);
}

// A netd that has lost its ledger takes taps that are in use back without names
// and policies: what it does not allow then, guests are missing.
void VmManager::RemindNetwork() {
  if (!ports_.network.Present()) return;
  const absl::StatusOr<std::vector<NetworkClient::Known>> endpoints = ports_.network.ListEndpoints();
  if (!endpoints.ok()) return;  // it is away; it is asked again soon
  // All of ours have a name otherwise.
  for (const NetworkClient::Known& endpoint : *endpoints)
    if (endpoint.has_tap && endpoint.hostname.empty()) LogLeft(endpoint.uid, RemindOf(endpoint.uid));
}

absl::Status VmManager::RemindOf(const std::string& uid) {
  // Who works on it now is not waited for: the others need to be reminded, too.
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<VmOperation> operation, operations_.TryBegin(uid));
  BANGER_ASSIGN_OR_RETURN(const std::optional<Vm> vm, ports_.store.Find(uid));
  const bool runs =
      vm.has_value() && vm->network_mode == NetworkMode::kBridge && ports_.vmm.Running(uid).has_value();
  if (!runs) return absl::OkStatus();
  log::Info("telling netd again what it has lost", {{"vm", vm->name}});
  BANGER_RETURN_IF_ERROR(ports_.network.CreateEndpoint(uid, vm->name, operation->stop()).status());
  BANGER_RETURN_IF_ERROR(ports_.network.SetPolicy(uid, vm->policy, operation->stop()));
  return ports_.network.AttachTap(uid, operation->stop());
}

absl::Status VmManager::Settled(const std::string& uid, absl::Status stored) {
  if (stored.ok() || absl::IsNotFound(stored)) return stored;
  const MutexLock lock(mutex_);
  unsettled_.insert(uid);
  return stored;
}

bool VmManager::IsDoomed(const std::string& uid) const {
  const MutexLock lock(mutex_);
  return doomed_.contains(uid);
}

bool VmManager::Settle() {
  std::set<std::string> uids;
  {
    const MutexLock lock(mutex_);
    uids.swap(unsettled_);
  }
  bool done = true;
  for (const std::string& uid : uids) {
    const absl::Status settled = Settled(uid, SettleOne(uid));
    LogLeft(uid, settled);
    done = settled.ok() && done;
  }
  return done;
}

absl::Status VmManager::SettleOne(const std::string& uid) {
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<VmOperation> operation, operations_.TryBegin(uid));
  BANGER_ASSIGN_OR_RETURN(std::optional<Vm> vm, ports_.store.Find(uid));
  return vm.has_value() ? RecoverHeld(*std::move(vm)) : absl::OkStatus();
}

bool VmManager::CollectGarbage() {
  const bool settled = Settle();
  const bool ledger_done = CollectLedger();
  return CollectUnknown() && ledger_done && settled;
}

bool VmManager::CollectLedger() {
  const absl::StatusOr<std::vector<LedgerEntry>> ledger = ports_.store.Ledger("");
  if (!ledger.ok()) return false;
  std::set<std::string> uids;
  for (const LedgerEntry& entry : *ledger) uids.insert(entry.uid);
  bool done = true;
  for (const std::string& uid : uids) {
    const absl::StatusOr<std::optional<Vm>> vm = ports_.store.Find(uid);
    if (!vm.ok()) return false;
    if (vm->has_value()) continue;
    // A row that is gone does not come back; its delete may be at work.
    const absl::StatusOr<std::unique_ptr<VmOperation>> operation = operations_.TryBegin(uid);
    done = operation.ok() && resources_.GiveBack(uid, Resource::kImageLease).ok() && done;
  }
  return done;
}

// Things without a ledger entry: the store was lost, or the host lost power with
// its last transactions.
bool VmManager::CollectUnknown() {
  const absl::StatusOr<std::vector<ImageClient::Lease>> leases = ports_.images.ListLeases();
  const absl::StatusOr<std::vector<std::string>> directories = ports_.files.List();
  const bool bridged = ports_.network.Present();
  const absl::StatusOr<std::vector<NetworkClient::Known>> endpoints =
      bridged ? ports_.network.ListEndpoints() : std::vector<NetworkClient::Known>();
  if (!leases.ok() || !directories.ok() || !endpoints.ok()) return false;
  bool done = true;
  // Asked after the lists were made: a VM created since is known by now.
  const auto unknown = [&](const std::string& uid) {
    const absl::StatusOr<std::optional<Vm>> vm = ports_.store.Find(uid);
    const absl::StatusOr<std::vector<LedgerEntry>> entries = ports_.store.Ledger(uid);
    return vm.ok() && entries.ok() && !vm->has_value() && entries->empty();
  };
  for (const ImageClient::Lease& lease : *leases)
    if (unknown(lease.uid)) done = ports_.images.Release(lease.image, lease.uid).ok() && done;
  for (const NetworkClient::Known& endpoint : *endpoints)
    if (unknown(endpoint.uid)) done = ports_.network.DeleteEndpoint(endpoint.uid).ok() && done;
  for (const std::string& uid : *directories)
    if (unknown(uid)) done = ports_.vmm.Destroy(uid).ok() && ports_.files.Remove(uid).ok() && done;
  return done;
}

}  // namespace banger::vmd
