#include "services/vmd/core/booter.h"

#include <chrono>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/sync/either_stops.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

std::string Describe(const VmmExit& exit) {
  const std::string detail = exit.detail.empty() ? "" : absl::StrCat(": ", exit.detail);
  switch (exit.kind) {
    case VmmExit::Kind::kPoweredOff:
      return absl::StrCat("the guest powered off while booting", detail);
    case VmmExit::Kind::kRebooted:
      return absl::StrCat("the guest reset itself while booting", detail);
    case VmmExit::Kind::kPanicked:
      return absl::StrCat("the guest's kernel panicked", detail);
    case VmmExit::Kind::kEnded:
      break;
  }
  return absl::StrCat("its VMM ended", detail);
}

GuestConfig ConfigFor(const Vm& vm, const Endpoint& endpoint, const ImageFiles& image, Time now) {
  GuestConfig config{.vm_uid = vm.uid, .hostname = vm.name, .mac = vm.mac, .exec = image.exec, .time = now};
  config.address = absl::StrCat(endpoint.address, "/", endpoint.prefix_length);
  config.gateway = endpoint.gateway;
  config.mtu = endpoint.mtu;
  config.nameserver = endpoint.nameserver;
  if (!endpoint.ipv6_address.empty()) {
    config.ipv6_address = absl::StrCat(endpoint.ipv6_address, "/", endpoint.ipv6_prefix_length);
    config.ipv6_gateway = endpoint.ipv6_gateway;
  }
  return config;
}

// What QEMU's user-mode network gives its one guest. Guests are restricted to
// it, so there is no gateway.
Endpoint UserModeEndpoint() {
  return {.address = "10.0.2.15", .prefix_length = 24, .mac = "52:54:00:12:34:56"};
}

}  // namespace

absl::Status Booter::Boot(Vm& vm, const ProgressFn& progress, const std::stop_token& stop,
                          const FrozenMachine* frozen) {
  const auto tell = [&progress] { progress({.stage = "boot", .detail = "waiting for other VMs to boot"}); };
  BANGER_ASSIGN_OR_RETURN(const BootSlots::Slot slot, slots_.Take(tell, stop));
  Watch watch;
  {
    const MutexLock lock(mutex_);
    watches_[vm.uid] = &watch;
  }
  absl::Status booted = Run(vm, frozen, watch, progress, stop);
  if (booted.ok()) {
    // From here on an exit changes the stored state; this one came just before.
    if (const std::optional<VmmExit> exit = Unwatch(vm.uid, watch))
      booted = VmNotReady(vm.name, Describe(*exit));
  }
  if (!booted.ok()) booted = JoinErrors(booted, resources_.GiveBack(vm.uid, Resource::kTap));
  Unwatch(vm.uid, watch);
  return booted;
}

absl::Status Booter::Run(Vm& vm, const FrozenMachine* frozen, Watch& watch, const ProgressFn& progress,
                         const std::stop_token& stop) {
  const EitherStops either(stop, watch.ended.get_token());
  const auto begin = std::chrono::steady_clock::now();
  BANGER_ASSIGN_OR_RETURN(const Started started, Launch(vm, frozen, progress, stop));
  const absl::Status ready = AwaitReady(vm, started, frozen, progress, either.token());
  if (const std::optional<VmmExit> exit = ExitOf(watch)) return VmNotReady(vm.name, Describe(*exit));
  if (stop.stop_requested())
    return absl::CancelledError(absl::StrCat("stopped while VM '", vm.name, "' booted"));
  if (!ready.ok()) return VmNotReady(vm.name, std::string(ready.message()));
  // Before it counts as running: then it must have its disks.
  if (frozen != nullptr) BANGER_RETURN_IF_ERROR(ports_.snapshots.CommitStage(vm.uid));
  vm.boot_duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  vm.start_time = ports_.clock.Now();
  vm.state = VmState::kRunning;
  vm.state_detail.clear();
  vm.provisional = false;
  return ports_.store.Update(vm);
}

absl::StatusOr<Machine> Booter::MachineOf(const Vm& vm, const ImageFiles& image,
                                          const FrozenMachine* frozen) {
  Machine machine{.uid = vm.uid,
                  .sizes = vm.sizes,
                  .vmlinux = image.vmlinux,
                  .initrd = image.initrd,
                  .rootfs = image.rootfs,
                  .disks = ports_.files.PathsOf(vm.uid),
                  .network_mode = vm.network_mode,
                  .mac = vm.mac};
  if (frozen == nullptr) {
    BANGER_RETURN_IF_ERROR(ports_.files.GiveAgentDisk(vm.uid));
    return machine;
  }
  const SnapshotFiles::Staged staged = ports_.snapshots.StageOf(vm.uid);
  machine.disks = staged.disks;
  machine.frozen = FrozenRun{.directory = staged.directory, .machine = *frozen};
  return machine;
}

absl::StatusOr<Booter::Started> Booter::Launch(Vm& vm, const FrozenMachine* frozen,
                                               const ProgressFn& progress, const std::stop_token& stop) {
  Started started;
  std::vector<Step> steps;
  // Create has it already; nothing to tell.
  steps.push_back({"", Resource::kImageLease, vm.image, [&](const std::stop_token& s) -> absl::Status {
                     BANGER_ASSIGN_OR_RETURN(started.image, ports_.images.Acquire(vm.image, vm.uid, s));
                     return absl::OkStatus();
                   }});
  if (ports_.network.Present()) {
    vm.network_mode = NetworkMode::kBridge;
    steps.push_back(
        {"reserve address", Resource::kEndpoint, "", [&](const std::stop_token& s) -> absl::Status {
           BANGER_ASSIGN_OR_RETURN(started.endpoint, ports_.network.CreateEndpoint(vm.uid, vm.name, s));
           return ports_.network.SetPolicy(vm.uid, vm.policy, s);
         }});
    steps.push_back({"attach network", Resource::kTap, "",
                     [&](const std::stop_token& s) { return ports_.network.AttachTap(vm.uid, s); }});
  } else {
    vm.network_mode = NetworkMode::kUser;
    started.endpoint = UserModeEndpoint();
    progress({.stage = "network",
              .detail = vm.policy.nat
                            ? "netd is not running: there is no NAT; the VM reaches nothing"
                            : "netd is not running: the VM has a network of its own that reaches nothing",
              .warning = true});
  }
  steps.push_back({"start", Resource::kProcess, "", [&](const std::stop_token& s) -> absl::Status {
                     vm.mac = started.endpoint.mac;
                     vm.address = vm.network_mode == NetworkMode::kBridge ? started.endpoint.address : "";
                     vm.ipv6_address = started.endpoint.ipv6_address;
                     vm.exec = started.image.exec;
                     vm.state = VmState::kStarting;
                     vm.state_detail.clear();
                     if (frozen != nullptr && frozen->network_mode != vm.network_mode)
                       return SnapshotUnfit(vm.network_mode == NetworkMode::kBridge
                                                ? "it was taken without netd, which runs now"
                                                : "it was taken with a network of netd, which does not run");
                     BANGER_RETURN_IF_ERROR(ports_.store.Update(vm));
                     BANGER_RETURN_IF_ERROR(OpenPorts(vm.uid));
                     BANGER_ASSIGN_OR_RETURN(const Machine machine, MachineOf(vm, started.image, frozen));
                     BANGER_ASSIGN_OR_RETURN(const VmmProcess process, ports_.vmm.Launch(machine, s));
                     ports_.guests.Open(vm.uid, process.agent, vm.exec);
                     return absl::OkStatus();
                   }});
  BANGER_RETURN_IF_ERROR(resources_.Make(vm.uid, steps, progress, stop));
  return started;
}

// Before the guest is there, so that a port that is taken costs no boot.
absl::Status Booter::OpenPorts(const std::string& uid) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<PublishedPort> ports, ports_.store.PortsOf(uid));
  absl::Status opened;
  for (const PublishedPort& port : ports) opened = JoinErrors(opened, ports_.forwards.Open(uid, port));
  return opened;
}

absl::Status Booter::AwaitReady(const Vm& vm, const Started& started, const FrozenMachine* frozen,
                                const ProgressFn& progress, const std::stop_token& stop) {
  progress({.stage = "boot", .detail = "waiting for the guest's agent"});
  BANGER_RETURN_IF_ERROR(ports_.guests.WaitReady(vm.uid, kReadyTimeout, stop));
  progress({.stage = "configure"});
  GuestConfig config = ConfigFor(vm, started.endpoint, started.image, ports_.clock.Now());
  if (frozen != nullptr && frozen->mac != vm.mac) config.previous_mac = frozen->mac;
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> warnings,
                          ports_.guests.Configure(vm.uid, config, stop));
  for (const std::string& warning : warnings)
    progress({.stage = "configure", .detail = warning, .warning = true});
  return absl::OkStatus();
}

bool Booter::NoteExit(const std::string& uid, const VmmExit& exit) {
  const MutexLock lock(mutex_);
  const auto watch = watches_.find(uid);
  if (watch == watches_.end()) return false;
  watch->second->exit = exit;
  watch->second->ended.request_stop();
  return true;
}

std::optional<VmmExit> Booter::Unwatch(const std::string& uid, const Watch& watch) {
  const MutexLock lock(mutex_);
  watches_.erase(uid);
  return watch.exit;
}

std::optional<VmmExit> Booter::ExitOf(const Watch& watch) {
  const MutexLock lock(mutex_);
  return watch.exit;
}

}  // namespace banger::vmd
