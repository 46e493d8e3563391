#include "services/vmd/adapters/vmm_host.h"

#include <sys/wait.h>

#include <csignal>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/console_log.h"
#include "services/vmd/adapters/host_cpu.h"
#include "services/vmd/adapters/runtime_record.h"
#include "services/vmd/adapters/vmm_process.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kKillTimeout{10};

// The panic that the console tells of says more than any VMM knows.
VmmExit ExplainEnd(const VmmPaths& paths, VmmMonitor& monitor) {
  const VmmExit exit = monitor.HowItEnded();
  if (const std::string panic = FindPanic(paths.console_log, paths.console_begin); !panic.empty())
    return {VmmExit::Kind::kPanicked, panic};
  return exit;
}

}  // namespace

VmmHost::VmmHost(Options options, VmmDrivers& drivers, OnExit on_exit)
    : options_(std::move(options)), drivers_(drivers), on_exit_(std::move(on_exit)) {}

void VmmHost::StopWatching() {
  std::vector<InstancePtr> instances;
  {
    const MutexLock lock(mutex_);
    for (const auto& [uid, instance] : instances_) instances.push_back(instance);
  }
  for (const InstancePtr& instance : instances) instance->watcher.request_stop();
  for (const InstancePtr& instance : instances)
    if (instance->watcher.joinable()) instance->watcher.join();
}

VmmPaths VmmHost::PathsOf(const std::string& uid) const {
  return {.sockets = options_.run_dir / uid,
          .record = options_.vms_dir / uid / "runtime.json",
          .console_log = options_.vms_dir / uid / "console.log"};
}

// A frozen machine has had its VMM chosen.
absl::StatusOr<VmmDriver*> VmmHost::DriverOf(const Machine& machine, const std::stop_token& stop) {
  if (!machine.frozen.has_value()) return drivers_.Choose(machine, stop);
  const VmmIdentity& vmm = machine.frozen->machine.vmm;
  const std::string cpu = HostCpu();
  if (vmm.host_cpu != cpu)
    return SnapshotUnfit(absl::StrCat("it is of a host with '", vmm.host_cpu, "', this one has '", cpu, "'"));
  VmmDriver* const driver = drivers_.Find(vmm.vmm);
  if (driver == nullptr)
    return SnapshotUnfit(absl::StrCat("it is of the VMM '", vmm.vmm, "', which is not known"));
  return driver;
}

absl::StatusOr<VmmProcess> VmmHost::Launch(const Machine& machine, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(VmmDriver* const driver, DriverOf(machine, stop));
  VmmPaths paths = PathsOf(machine.uid);
  paths.console_begin = ConsoleSize(paths.console_log);
  BANGER_RETURN_IF_ERROR(MakeDirectories(paths.sockets));
  BANGER_ASSIGN_OR_RETURN(paths.cgroup, options_.cgroups.Make(machine.uid));
  BANGER_ASSIGN_OR_RETURN(SpawnedVmm spawned, driver->Spawn(machine, paths, stop));
  // Until Detach the child dies with `spawned`.
  BANGER_ASSIGN_OR_RETURN(const ProcessIdentity identity, IdentifyProcess(spawned.child.pid()));
  BANGER_RETURN_IF_ERROR(options_.cgroups.Limit(machine.uid, LimitsOf(machine.sizes, spawned.overhead_mib)));
  const VmmProcess process{.pid = identity.pid, .vmm = spawned.vmm, .agent = driver->Agent(paths)};
  BANGER_RETURN_IF_ERROR(WriteRuntimeRecord(
      paths.record, {.process = identity, .vmm = process.vmm, .console_begin = paths.console_begin}));
  const InstancePtr instance = Watch(machine.uid, {.process = process,
                                                   .paths = paths,
                                                   .pidfd = spawned.child.Detach(),
                                                   .monitor = std::move(spawned.monitor)});
  // It has waited for this, so the guest runs only once it is on record.
  const absl::Status started = instance->monitor->Run(stop);
  if (started.ok()) return process;
  if (absl::IsCancelled(started) || !ErrorReason(started).empty()) return started;
  const std::string words = LastWords(spawned.complaints.get());
  return VmmFailed(
      absl::StrCat("start ", driver->name(), ": ", words.empty() ? std::string(started.message()) : words));
}

absl::StatusOr<VmmProcess> VmmHost::Adopt(const std::string& uid) {
  VmmPaths paths = PathsOf(uid);
  BANGER_ASSIGN_OR_RETURN(const RuntimeRecord record, ReadRuntimeRecord(paths.record));
  paths.console_begin = record.console_begin;
  BANGER_ASSIGN_OR_RETURN(UniqueFd pidfd, OpenProcess(record.process));
  VmmDriver* const driver = drivers_.Find(record.vmm);
  if (driver == nullptr) return absl::NotFoundError(absl::StrCat("no driver of '", record.vmm, "'"));
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<VmmMonitor> monitor, driver->Connect(paths, pidfd.get()));
  const VmmProcess process{.pid = record.process.pid, .vmm = record.vmm, .agent = driver->Agent(paths)};
  Watch(uid, {.process = process, .paths = paths, .pidfd = std::move(pidfd), .monitor = std::move(monitor)});
  return process;
}

VmmHost::InstancePtr VmmHost::Watch(const std::string& uid, Instance seen) {
  const auto instance = std::make_shared<Instance>(std::move(seen));
  {
    const MutexLock lock(mutex_);
    instances_[uid] = instance;
  }
  instance->watcher =
      std::jthread([this, uid, instance](const std::stop_token& stop) { AwaitEnd(uid, instance, stop); });
  return instance;
}

void VmmHost::AwaitEnd(const std::string& uid, const InstancePtr& instance, const std::stop_token& stop) {
  while (!WaitForProcessEnd(instance->pidfd.get(), 1h, stop))
    if (stop.stop_requested()) return;
  siginfo_t info{};
  // Fails for adopted ones, which are not our children.
  const bool reaped = ::waitid(P_PIDFD, static_cast<id_t>(instance->pidfd.get()), &info, WEXITED) == 0;
  VmmExit exit = ExplainEnd(instance->paths, *instance->monitor);
  if (exit.kind == VmmExit::Kind::kEnded && reaped)
    exit.detail = absl::StrCat(info.si_code == CLD_EXITED ? "exit code " : "signal ", info.si_status);
  if (exit.kind == VmmExit::Kind::kEnded && options_.cgroups.RanOutOfMemory(uid))
    exit.detail = "it took more memory than its cgroup may have";
  on_exit_(uid, exit);
}

VmmHost::InstancePtr VmmHost::FindInstance(const std::string& uid) const {
  const MutexLock lock(mutex_);
  const auto found = instances_.find(uid);
  return found == instances_.end() ? nullptr : found->second;
}

std::optional<VmmProcess> VmmHost::Running(const std::string& uid) const {
  const InstancePtr instance = FindInstance(uid);
  if (instance == nullptr || WaitForProcessEnd(instance->pidfd.get(), 0ms)) return std::nullopt;
  return instance->process;
}

absl::Status VmmHost::PowerDown(const std::string& uid) {
  const InstancePtr instance = FindInstance(uid);
  if (instance == nullptr) return absl::NotFoundError("the VMM has ended");
  return instance->monitor->PowerDown();
}

absl::Status VmmHost::Pause(const std::string& uid) {
  const InstancePtr instance = FindInstance(uid);
  if (instance == nullptr) return absl::NotFoundError("the VMM has ended");
  return instance->monitor->Pause();
}

absl::Status VmmHost::Resume(const std::string& uid) {
  const InstancePtr instance = FindInstance(uid);
  if (instance == nullptr) return absl::NotFoundError("the VMM has ended");
  return instance->monitor->Resume();
}

absl::StatusOr<VmmIdentity> VmmHost::Freeze(const std::string& uid, const std::filesystem::path& directory,
                                            const std::stop_token& stop) {
  const InstancePtr instance = FindInstance(uid);
  if (instance == nullptr) return absl::NotFoundError("the VMM has ended");
  BANGER_ASSIGN_OR_RETURN(const std::string version, instance->monitor->Freeze(directory, stop));
  return VmmIdentity{.vmm = instance->process.vmm, .version = version, .host_cpu = HostCpu()};
}

absl::Status VmmHost::Signal(const std::string& uid, int signal) {
  const InstancePtr instance = FindInstance(uid);
  if (instance == nullptr) return absl::NotFoundError("the VMM has ended");
  return SignalProcess(instance->pidfd.get(), signal);
}

bool VmmHost::WaitForEnd(const std::string& uid, std::chrono::milliseconds timeout,
                         const std::stop_token& stop) {
  const InstancePtr instance = FindInstance(uid);
  return instance == nullptr || WaitForProcessEnd(instance->pidfd.get(), timeout, stop);
}

absl::Status VmmHost::Destroy(const std::string& uid) {
  if (const InstancePtr instance = FindInstance(uid)) {
    SignalProcess(instance->pidfd.get(), SIGKILL).IgnoreError();
    if (!WaitForProcessEnd(instance->pidfd.get(), kKillTimeout))
      return absl::InternalError(absl::StrCat("VMM ", instance->process.pid, " does not end"));
    if (instance->watcher.joinable()) instance->watcher.join();
    const MutexLock lock(mutex_);
    instances_.erase(uid);
  } else if (const absl::StatusOr<UniqueFd> lost = FindVmmProcess(uid); lost.ok()) {
    SignalProcess(lost->get(), SIGKILL).IgnoreError();
    if (!WaitForProcessEnd(lost->get(), kKillTimeout))
      return absl::InternalError(absl::StrCat("the VMM of ", uid, " does not end"));
  } else if (!absl::IsNotFound(lost.status())) {
    return lost.status();
  }
  return RemoveTraces(uid);
}

absl::Status VmmHost::RemoveTraces(const std::string& uid) const {
  const VmmPaths paths = PathsOf(uid);
  RemoveRuntimeRecord(paths.record);
  BANGER_RETURN_IF_ERROR(options_.cgroups.Remove(uid));
  return RemoveTree(paths.sockets);
}

}  // namespace banger::vmd
