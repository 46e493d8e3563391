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
  GuestConfig config{.hostname = vm.name, .mac = vm.mac, .exec = image.exec, .time = now};
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

absl::Status Booter::Boot(Vm& vm, const ProgressFn& progress, const std::stop_token& stop) {
  const auto tell = [&progress] { progress({.stage = "boot", .detail = "waiting for other VMs to boot"}); };
  BANGER_ASSIGN_OR_RETURN(const BootSlots::Slot slot, slots_.Take(tell, stop));
  Watch watch;
  {
    const MutexLock lock(mutex_);
    watches_[vm.uid] = &watch;
  }
  absl::Status booted = Run(vm, watch, progress, stop);
  if (booted.ok()) {
    // From here on an exit changes the stored state; this one came just before.
    if (const std::optional<VmmExit> exit = Unwatch(vm.uid, watch))
      booted = VmNotReady(vm.name, Describe(*exit));
  }
  if (!booted.ok()) booted = JoinErrors(booted, resources_.GiveBack(vm.uid, Resource::kTap));
  Unwatch(vm.uid, watch);
  return booted;
}

absl::Status Booter::Run(Vm& vm, Watch& watch, const ProgressFn& progress, const std::stop_token& stop) {
  const EitherStops either(stop, watch.ended.get_token());
  const auto begin = std::chrono::steady_clock::now();
  BANGER_ASSIGN_OR_RETURN(const Started started, Launch(vm, progress, stop));
  const absl::Status ready = AwaitReady(vm, started, progress, either.token());
  if (const std::optional<VmmExit> exit = ExitOf(watch)) return VmNotReady(vm.name, Describe(*exit));
  if (stop.stop_requested())
    return absl::CancelledError(absl::StrCat("stopped while VM '", vm.name, "' booted"));
  if (!ready.ok()) return VmNotReady(vm.name, std::string(ready.message()));
  vm.boot_duration =
      std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begin);
  vm.start_time = ports_.clock.Now();
  vm.state = VmState::kRunning;
  vm.state_detail.clear();
  vm.provisional = false;
  return ports_.store.Update(vm);
}

absl::StatusOr<Booter::Started> Booter::Launch(Vm& vm, const ProgressFn& progress,
                                               const std::stop_token& stop) {
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
                     BANGER_RETURN_IF_ERROR(ports_.store.Update(vm));
                     BANGER_RETURN_IF_ERROR(OpenPorts(vm.uid));
                     BANGER_ASSIGN_OR_RETURN(const std::filesystem::path agent_disk,
                                             ports_.files.AgentDisk());
                     const Machine machine{.uid = vm.uid,
                                           .sizes = vm.sizes,
                                           .vmlinux = started.image.vmlinux,
                                           .initrd = started.image.initrd,
                                           .agent_disk = agent_disk,
                                           .rootfs = started.image.rootfs,
                                           .disks = ports_.files.PathsOf(vm.uid),
                                           .network_mode = vm.network_mode,
                                           .mac = vm.mac};
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

absl::Status Booter::AwaitReady(const Vm& vm, const Started& started, const ProgressFn& progress,
                                const std::stop_token& stop) {
  progress({.stage = "boot", .detail = "waiting for the guest's agent"});
  BANGER_RETURN_IF_ERROR(ports_.guests.WaitReady(vm.uid, kReadyTimeout, stop));
  progress({.stage = "configure"});
  const GuestConfig config = ConfigFor(vm, started.endpoint, started.image, ports_.clock.Now());
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
