#include "services/vmd/core/vm_manager.h"

#include <csignal>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/names.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

constexpr int kNameAttempts = 20;
constexpr int kBootsPerCpu = 2;
constexpr std::size_t kBackgroundThreads = 16;
constexpr std::size_t kBackgroundQueue = 4096;

}  // namespace

std::string PageKey(const Vm& vm) {
  const auto micros =
      std::chrono::duration_cast<std::chrono::microseconds>(vm.create_time.time_since_epoch()).count();
  return absl::StrFormat("%020d/%s", micros, vm.uid);
}

VmManager::VmManager(const Ports& ports, VmManagerOptions options)
    : store_(ports.store, events_),
      ports_{store_,    ports.images, ports.network,  ports.files, ports.snapshots,
             ports.vmm, ports.guests, ports.forwards, ports.clock},
      options_(std::move(options)),
      resources_(ports_),
      booter_(ports_, resources_, kBootsPerCpu * options_.host.cpus),
      uses_(ports.clock),
      background_(kBackgroundThreads, kBackgroundQueue) {}

VmManager::~VmManager() { Shutdown(); }

absl::StatusOr<Vm> VmManager::Resolve(const std::string& reference) {
  if (!IsValidVmName(reference)) return VmNameInvalid(reference);
  BANGER_ASSIGN_OR_RETURN(std::vector<Vm> matches, ports_.store.Match(reference));
  if (matches.empty()) return VmNotFound(reference);
  if (matches.size() == 1) return std::move(matches.front());
  std::vector<std::string> names;
  for (const Vm& vm : matches) names.push_back(vm.name);
  return VmNameAmbiguous(reference, names);
}

absl::StatusOr<VmManager::Held> VmManager::Hold(const std::string& reference, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const Vm found, Resolve(reference));
  return HoldUid(found.uid, stop);
}

absl::StatusOr<VmManager::Held> VmManager::HoldUid(const std::string& uid, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<VmOperation> operation, operations_.Begin(uid, stop));
  BANGER_ASSIGN_OR_RETURN(std::optional<Vm> now, ports_.store.Find(uid));
  if (!now.has_value()) return VmNotFound(uid);
  // Provisional with nobody at work on it: what could not be undone yet.
  if (IsDoomed(uid) || now->provisional) return VmDeleted(now->name);
  return Held{std::move(operation), *std::move(now)};
}

absl::StatusOr<VmView> VmManager::Create(const CreateVm& request, const ProgressFn& progress,
                                         const std::stop_token& stop) {
  if (!request.name.empty() && !IsValidVmName(request.name)) return VmNameInvalid(request.name);
  if (LooksLikeVmUid(request.name)) return VmNameInvalid(request.name);
  Vm vm{.uid = GenerateVmUid(), .name = request.name};
  BANGER_ASSIGN_OR_RETURN(const ResolvedSizes resolved,
                          ResolveSizes(request.sizes, options_.defaults, options_.host));
  vm.sizes = resolved.sizes;
  vm.size_origins = resolved.origins;
  vm.image = request.image.empty() ? options_.default_image : request.image;
  vm.state = request.no_start ? VmState::kCreated : VmState::kStarting;
  vm.provisional = true;
  vm.create_time = ports_.clock.Now();
  vm.policy = request.policy;
  BANGER_RETURN_IF_ERROR(AllowVms(request.allowed_vms, vm.policy));
  for (const PublishedPort& port : request.ports) BANGER_RETURN_IF_ERROR(CheckPort(port));
  // Held before the row can be seen, so nobody gets between.
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<VmOperation> operation, operations_.Begin(vm.uid, stop));
  BANGER_RETURN_IF_ERROR(Reserve(vm, request.name.empty()));

  absl::Status created;
  for (const PublishedPort& port : request.ports)
    if (created.ok()) created = ports_.store.AddPort(vm.uid, port);
  if (created.ok()) created = Prepare(vm, progress, operation->stop());
  if (created.ok() && !request.no_start) created = booter_.Boot(vm, progress, operation->stop());
  BANGER_RETURN_IF_ERROR(FinishCreate(vm, *operation, created));
  return View(vm);
}

// One short transaction decides who gets the name.
absl::Status VmManager::Reserve(Vm& vm, bool generate_name) {
  if (!generate_name) return ports_.store.Insert(vm);
  absl::Status reserved;
  for (int attempt = 0; attempt < kNameAttempts; ++attempt) {
    vm.name = GenerateVmName(attempt);
    reserved = ports_.store.Insert(vm);
    if (!absl::IsAlreadyExists(reserved)) break;
  }
  return reserved;
}

absl::Status VmManager::Prepare(const Vm& vm, const ProgressFn& progress, const std::stop_token& stop) {
  const std::vector<Step> steps = {
      {"acquire image", Resource::kImageLease, vm.image,
       [&](const std::stop_token& s) { return ports_.images.Acquire(vm.image, vm.uid, s).status(); }},
      {"make disks", Resource::kDisks, "",
       [&](const std::stop_token&) { return ports_.files.MakeDisks(vm.uid, vm.sizes); }},
  };
  return resources_.Make(vm.uid, steps, progress, stop);
}

absl::Status VmManager::FinishCreate(Vm& vm, const VmOperation& operation, absl::Status created) {
  if (created.ok()) {
    if (!vm.provisional) return absl::OkStatus();  // booted, and stored so
    vm.provisional = false;
    created = ports_.store.Update(vm);
    if (created.ok()) return created;
    vm.provisional = true;  // as the store has it
  }
  if (ErrorReason(created) == "VM_NOT_READY" && !operation.interrupted()) {
    vm.state = VmState::kError;
    vm.state_detail = std::string(created.message());
    vm.provisional = false;
    return JoinErrors(created, Settled(vm.uid, ports_.store.Update(vm)));
  }
  created = JoinErrors(created, Settled(vm.uid, DeleteHeld(vm)));
  return operation.interrupted() ? VmDeleted(vm.name) : created;
}

absl::StatusOr<VmView> VmManager::Start(const std::string& reference, const ProgressFn& progress,
                                        const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(Held held, Hold(reference, stop));
  if (held.vm.state == VmState::kPaused) return VmPaused(held.vm.name);
  if (!ports_.vmm.Running(held.vm.uid).has_value() || held.vm.state != VmState::kRunning)
    BANGER_RETURN_IF_ERROR(BootHeld(held, progress));
  return View(held.vm);
}

absl::Status VmManager::BootHeld(Held& held, const ProgressFn& progress) {
  Vm& vm = held.vm;
  // What an earlier run has left.
  BANGER_RETURN_IF_ERROR(resources_.GiveBack(vm.uid, Resource::kTap));
  const Vm before = vm;
  absl::Status booted = booter_.Boot(vm, progress, held.operation->stop());
  if (booted.ok()) return booted;
  if (held.operation->interrupted()) booted = VmDeleted(vm.name);
  const bool cancelled = absl::IsCancelled(booted) || absl::IsAborted(booted);
  vm.state = cancelled ? VmState::kStopped : VmState::kError;
  if (cancelled && before.state == VmState::kCreated) vm.state = VmState::kCreated;
  vm.state_detail = cancelled ? "" : std::string(booted.message());
  return JoinErrors(booted, Settled(vm.uid, ports_.store.Update(vm)));
}

absl::StatusOr<VmView> VmManager::Stop(const std::string& reference, std::chrono::milliseconds timeout,
                                       const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(Held held, Hold(reference, stop));
  BANGER_RETURN_IF_ERROR(StopHeld(held, timeout));
  return View(held.vm);
}

absl::Status VmManager::StopHeld(Held& held, std::chrono::milliseconds timeout) {
  Vm& vm = held.vm;
  const bool runs = ports_.vmm.Running(vm.uid).has_value();
  if (!runs && vm.state == VmState::kCreated) return absl::OkStatus();
  bool killed = false;
  if (runs) {
    // So that it can do what it is asked for; if not, it is killed.
    if (vm.state == VmState::kPaused && timeout.count() > 0) ports_.vmm.Resume(vm.uid).IgnoreError();
    vm.state = VmState::kStopping;
    vm.state_detail.clear();
    BANGER_RETURN_IF_ERROR(ports_.store.Update(vm));
    // Its caller's leaving does not end the wait; a forced delete does.
    killed = timeout.count() > 0 && !AskToPowerOff(vm, timeout, held.operation->interrupt());
    if (killed && shutdown_.stop_requested())
      return absl::UnavailableError(
          absl::StrCat("vmd is shutting down; the stop of VM '", vm.name, "' goes on"));
  }
  const absl::Status given_back = resources_.GiveBack(vm.uid, Resource::kTap);
  vm.state = given_back.ok() ? VmState::kStopped : VmState::kError;
  vm.state_detail = !given_back.ok() ? std::string(given_back.message())
                    : killed         ? "killed: the guest did not power off in time"
                                     : "";
  return JoinErrors(given_back, Settled(vm.uid, ports_.store.Update(vm)));
}

bool VmManager::AskToPowerOff(const Vm& vm, std::chrono::milliseconds timeout,
                              const std::stop_token& interrupt) {
  using std::chrono::milliseconds;
  const auto deadline = std::chrono::steady_clock::now() + timeout;
  const auto left = [&] {
    return std::max(milliseconds(0),
                    std::chrono::duration_cast<milliseconds>(deadline - std::chrono::steady_clock::now()));
  };
  const EitherStops stop(interrupt, shutdown_.get_token());
  const absl::Status asked =
      ports_.guests.PowerOff(vm.uid, std::min(timeout, milliseconds(5000)), stop.token());
  if (!asked.ok()) {
    log::Warn("agent did not take the power off; pressing the button",
              {{"vm", vm.name}, {"error", std::string(asked.message())}});
    ports_.vmm.PowerDown(vm.uid).IgnoreError();
  }
  return ports_.vmm.WaitForEnd(vm.uid, left(), stop.token());
}

absl::StatusOr<VmView> VmManager::Restart(const std::string& reference, std::chrono::milliseconds timeout,
                                          const ProgressFn& progress, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(Held held, Hold(reference, stop));
  progress({.stage = "stop"});
  BANGER_RETURN_IF_ERROR(StopHeld(held, timeout));
  BANGER_RETURN_IF_ERROR(BootHeld(held, progress));
  return View(held.vm);
}

absl::StatusOr<VmView> VmManager::Kill(const std::string& reference, int signal) {
  static const std::set<int> kAllowed = {SIGHUP, SIGINT, SIGQUIT, SIGKILL, SIGTERM};
  if (signal == 0) signal = SIGKILL;
  if (!kAllowed.contains(signal)) return SignalInvalid(signal);
  BANGER_ASSIGN_OR_RETURN(const Vm vm, Resolve(reference));
  if (!ports_.vmm.Running(vm.uid).has_value()) return VmNotRunning(vm.name);
  const absl::Status sent = ports_.vmm.Signal(vm.uid, signal);
  if (absl::IsNotFound(sent)) return VmNotRunning(vm.name);
  BANGER_RETURN_IF_ERROR(sent);
  // So that the answer already shows what SIGKILL has done.
  if (signal == SIGKILL) ports_.vmm.WaitForEnd(vm.uid, std::chrono::seconds(5), {});
  return ViewOf(vm.uid);
}

absl::Status VmManager::Delete(const std::string& reference, bool force, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const Vm found, Resolve(reference));
  if (force) operations_.Interrupt(found.uid);
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<VmOperation> operation, operations_.Begin(found.uid, stop));
  BANGER_ASSIGN_OR_RETURN(const std::optional<Vm> vm, ports_.store.Find(found.uid));
  if (!vm.has_value()) return force ? absl::OkStatus() : VmNotFound(reference);
  if (!force && ports_.vmm.Running(vm->uid).has_value()) return VmRunning(vm->name);
  {
    const MutexLock lock(mutex_);
    doomed_.insert(vm->uid);
  }
  BANGER_RETURN_IF_ERROR(Settled(vm->uid, DeleteHeld(*vm)));
  return absl::OkStatus();
}

absl::StatusOr<VmInUse> VmManager::RequireRunning(const std::string& reference) {
  BANGER_ASSIGN_OR_RETURN(Vm vm, Resolve(reference));
  // Before its state counts, so that it is not stopped in between.
  VmUses::Use use = uses_.Begin(vm.uid);
  BANGER_ASSIGN_OR_RETURN(const std::optional<Vm> now, ports_.store.Find(vm.uid));
  if (now.has_value() && now->state == VmState::kPaused) return VmPaused(vm.name);
  if (!now.has_value() || now->state != VmState::kRunning) return VmNotRunning(vm.name);
  return VmInUse{*now, std::move(use)};
}

}  // namespace banger::vmd
