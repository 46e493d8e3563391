#include "services/vmd/adapters/firecracker_driver.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/guestlink/vsock.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/os/unix_socket.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/confinement.h"
#include "services/vmd/adapters/firecracker_api.h"
#include "services/vmd/adapters/firecracker_requests.h"
#include "services/vmd/adapters/halt_watch.h"
#include "services/vmd/adapters/vmm_process.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;

// Of a host that is busy with others.
constexpr std::chrono::seconds kStartTimeout{60};
constexpr std::chrono::seconds kCommandTimeout{5};
// Its own memory is a few MiB; the rest is for page tables and its disks' caches.
constexpr std::int64_t kOverheadMib = 128;
// It writes all of a guest's memory.
constexpr std::chrono::minutes kFreezeTimeout{10};

absl::StatusOr<UniqueFd> Duplicate(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return ErrnoError(errno, "duplicate descriptor");
  return copy;
}

// All of a directory, which stays, as it is known to the VMM's confinement. Empty `to`:
// they go.
absl::Status MoveFiles(const std::filesystem::path& from, const std::filesystem::path& to) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(from, error), end; !error && entry != end;
       entry.increment(error)) {
    const std::filesystem::path& file = entry->path();
    if (to.empty() ? ::unlink(file.c_str()) < 0 : ::rename(file.c_str(), (to / file.filename()).c_str()) < 0)
      return ErrnoError(errno, absl::StrCat("move '", file.string(), "'"));
  }
  return error ? ErrnoError(error.value(), absl::StrCat("read '", from.string(), "'")) : absl::OkStatus();
}

class FirecrackerMonitor final : public VmmMonitor {
 public:
  // `frozen_by`: the version that the machine was frozen by; empty when it boots.
  static absl::StatusOr<std::unique_ptr<FirecrackerMonitor>> Create(
      const VmmPaths& paths, int pidfd, std::vector<FirecrackerRequest> machine = {},
      std::string frozen_by = {}) {
    BANGER_ASSIGN_OR_RETURN(UniqueFd process, Duplicate(pidfd));
    std::unique_ptr<FirecrackerMonitor> monitor(
        new FirecrackerMonitor(paths, std::move(process), std::move(machine), std::move(frozen_by)));
    BANGER_ASSIGN_OR_RETURN(monitor->halt_watch_,
                            HaltWatch::Start(paths.console_log, paths.console_begin,
                                             [raw = monitor.get()] { raw->SwitchOff(); }));
    return monitor;
  }

  absl::Status Run(const std::stop_token& stop) override {
    BANGER_RETURN_IF_ERROR(AwaitApi(stop));
    FirecrackerApi api(Api());
    if (!frozen_by_.empty()) BANGER_RETURN_IF_ERROR(CheckVersion(api, stop));
    for (const FirecrackerRequest& request : machine_)
      BANGER_RETURN_IF_ERROR(api.Send(request, kStartTimeout, stop));
    machine_.clear();
    return api.Send(frozen_by_.empty() ? ActionRequest("InstanceStart") : StateRequest("Resumed"),
                    kStartTimeout, stop);
  }

  // Only x86 machines have the keyboard for it.
  absl::Status PowerDown() override {
#if defined(__x86_64__)
    return FirecrackerApi(Api()).Send(ActionRequest("SendCtrlAltDel"), kCommandTimeout, {});
#else
    return absl::UnimplementedError("Firecracker's machine has no power button here");
#endif
  }

  absl::Status Pause() override {
    return FirecrackerApi(Api()).Send(StateRequest("Paused"), kCommandTimeout, {});
  }
  absl::Status Resume() override {
    return FirecrackerApi(Api()).Send(StateRequest("Resumed"), kCommandTimeout, {});
  }

  absl::StatusOr<std::string> Freeze(const std::filesystem::path& directory,
                                     const std::stop_token& stop) override {
    FirecrackerApi api(Api());
    BANGER_ASSIGN_OR_RETURN(std::string version, api.Version(kCommandTimeout, stop));
    // It makes its files itself, and has one place for it.
    const std::filesystem::path own = paths_.frozen();
    BANGER_RETURN_IF_ERROR(MoveFiles(own, {}));
    absl::Status frozen = api.Send(SnapshotRequest(own), kFreezeTimeout, stop);
    frozen = JoinErrors(frozen, MoveFiles(own, frozen.ok() ? directory : std::filesystem::path()));
    if (!frozen.ok()) return frozen;
    return version;
  }

  VmmExit HowItEnded() override {
    const LastWord word = ReadLastWord(paths_.console_log, paths_.console_begin);
    if (halted_ || word == LastWord::kHalted) return {VmmExit::Kind::kPoweredOff, ""};
    if (word == LastWord::kRestarting) return {VmmExit::Kind::kRebooted, ""};
    return {};
  }

 private:
  FirecrackerMonitor(VmmPaths paths, UniqueFd process, std::vector<FirecrackerRequest> machine,
                     std::string frozen_by)
      : paths_(std::move(paths)),
        process_(std::move(process)),
        machine_(std::move(machine)),
        frozen_by_(std::move(frozen_by)) {}

  std::filesystem::path Api() const { return paths_.sockets / kApiSocket; }

  absl::Status CheckVersion(FirecrackerApi& api, const std::stop_token& stop) const {
    BANGER_ASSIGN_OR_RETURN(const std::string version, api.Version(kStartTimeout, stop));
    if (version == frozen_by_) return absl::OkStatus();
    return SnapshotUnfit(
        absl::StrCat("it is of Firecracker ", frozen_by_, ", here is Firecracker ", version));
  }

  // It makes its socket itself.
  absl::Status AwaitApi(const std::stop_token& stop) const {
    const auto deadline = std::chrono::steady_clock::now() + kStartTimeout;
    while (!ConnectUnix(Api(), 0ms).ok()) {
      if (WaitForProcessEnd(process_.get(), 1ms, stop)) return absl::UnavailableError("it ended at once");
      if (stop.stop_requested()) return absl::CancelledError("stopped while Firecracker started");
      if (std::chrono::steady_clock::now() > deadline)
        return absl::DeadlineExceededError("Firecracker did not open its API socket");
    }
    return absl::OkStatus();
  }

  // The guest has written all it had to and stands still.
  void SwitchOff() {
    halted_ = true;
    SignalProcess(process_.get(), SIGKILL).IgnoreError();
  }

  const VmmPaths paths_;
  const UniqueFd process_;
  std::vector<FirecrackerRequest> machine_;
  const std::string frozen_by_;
  std::atomic<bool> halted_ = false;
  std::unique_ptr<HaltWatch> halt_watch_;  // the last: its thread uses the rest
};

// Those that are not there Firecracker does not make; those of an earlier run go.
absl::Status MakeEmpty(const std::filesystem::path& path) {
  return OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0600).status();
}

absl::Status LinkDrives(const Machine& machine, const std::filesystem::path& directory) {
  for (const auto& [id, disk] : DriveLinks(machine)) {
    const std::filesystem::path link = directory / id;
    ::unlink(link.c_str());
    if (::symlink(disk.c_str(), link.c_str()) < 0)
      return ErrnoError(errno, absl::StrCat("link '", link.string(), "' to '", disk.string(), "'"));
  }
  return absl::OkStatus();
}

}  // namespace

bool FirecrackerDriver::Knows(const std::string& vmm) const { return vmm == kFirecracker; }

absl::StatusOr<bool> FirecrackerDriver::Works(const Machine& machine, const std::stop_token& stop) {
  if (!CanOpenKvm() || !FindProgram(options_.firecracker_bin).ok()) return false;
  const absl::StatusOr<std::filesystem::path> program = program_.Find(stop);
  if (!program.ok()) {
    log::Warn("Firecracker is not used", {{"error", std::string(program.status().message())}});
    return false;
  }
  return probe_.Runs(FirecrackerKvmTrial(*program, machine.vmlinux), stop);
}

absl::StatusOr<SpawnedVmm> FirecrackerDriver::Spawn(const Machine& machine, const VmmPaths& paths,
                                                    const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path program, program_.Find(stop));
  if (machine.network_mode != NetworkMode::kBridge)
    return VmmFailed("Firecracker has no user-mode network: start banger-netd, or set vmm to \"qemu\"");
  if (machine.sizes.vcpu > kMaxFirecrackerVcpus)
    return VmmFailed(absl::StrCat("Firecracker gives a VM at most ", kMaxFirecrackerVcpus,
                                  " virtual CPUs, not ", machine.sizes.vcpu, ": set vmm to \"qemu\""));
  BANGER_ASSIGN_OR_RETURN(const std::string tap, options_.tap_of(machine.uid, stop));
  // Appended to, so that earlier runs stay and the front can be given back.
  BANGER_ASSIGN_OR_RETURN(const UniqueFd console,
                          OpenFile(paths.console_log, O_WRONLY | O_CREAT | O_APPEND, 0600));
  BANGER_RETURN_IF_ERROR(MakeEmpty(machine.disks.vmm_log));
  BANGER_RETURN_IF_ERROR(MakeEmpty(machine.disks.vmm_metrics));
  BANGER_RETURN_IF_ERROR(LinkDrives(machine, paths.sockets));
  BANGER_RETURN_IF_ERROR(MakeDirectories(paths.frozen()));
  BANGER_ASSIGN_OR_RETURN(StartedVmm started,
                          StartVmm({.launcher = options_.launcher,
                                    .confined = {.cgroup = paths.cgroup,
                                                 .files = FilesOfFirecracker(program, machine, paths),
                                                 .argv = FirecrackerArgv(program, machine.uid, paths)},
                                    .stdout_fd = console.get(),
                                    .working_dir = paths.sockets}));
  BANGER_ASSIGN_OR_RETURN(
      std::unique_ptr<VmmMonitor> monitor,
      FirecrackerMonitor::Create(paths, started.child.pidfd(), MachineRequests(machine, tap),
                                 machine.frozen.has_value() ? machine.frozen->machine.vmm.version : ""));
  return SpawnedVmm{std::move(started.child), std::move(started.complaints), kFirecracker, std::move(monitor),
                    kOverheadMib};
}

absl::StatusOr<std::unique_ptr<VmmMonitor>> FirecrackerDriver::Connect(const VmmPaths& paths, int pidfd) {
  return FirecrackerMonitor::Create(paths, pidfd);
}

AgentChannel FirecrackerDriver::Agent(const VmmPaths& paths) const {
  return {.socket = paths.sockets / kVsockSocket, .vsock_port = guestlink::kAgentVsockPort};
}

}  // namespace banger::vmd
