#include "services/vmd/adapters/firecracker_driver.h"

#include <fcntl.h>

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

absl::StatusOr<UniqueFd> Duplicate(int fd) {
  UniqueFd copy(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!copy.valid()) return ErrnoError(errno, "duplicate descriptor");
  return copy;
}

class FirecrackerMonitor final : public VmmMonitor {
 public:
  static absl::StatusOr<std::unique_ptr<FirecrackerMonitor>> Create(
      const VmmPaths& paths, int pidfd, std::vector<FirecrackerRequest> machine = {}) {
    BANGER_ASSIGN_OR_RETURN(UniqueFd process, Duplicate(pidfd));
    std::unique_ptr<FirecrackerMonitor> monitor(
        new FirecrackerMonitor(paths, std::move(process), std::move(machine)));
    BANGER_ASSIGN_OR_RETURN(monitor->halt_watch_,
                            HaltWatch::Start(paths.console_log, paths.console_begin,
                                             [raw = monitor.get()] { raw->SwitchOff(); }));
    return monitor;
  }

  absl::Status Run(const std::stop_token& stop) override {
    BANGER_RETURN_IF_ERROR(AwaitApi(stop));
    FirecrackerApi api(Api());
    for (const FirecrackerRequest& request : machine_)
      BANGER_RETURN_IF_ERROR(api.Send(request, kStartTimeout, stop));
    machine_.clear();
    return api.Send(ActionRequest("InstanceStart"), kStartTimeout, stop);
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

  absl::StatusOr<std::string> Freeze(const std::filesystem::path&, const std::stop_token&) override {
    return VmmFailed("snapshots of a VM that runs are not made with Firecracker: stop it first");
  }

  VmmExit HowItEnded() override {
    const LastWord word = ReadLastWord(paths_.console_log, paths_.console_begin);
    if (halted_ || word == LastWord::kHalted) return {VmmExit::Kind::kPoweredOff, ""};
    if (word == LastWord::kRestarting) return {VmmExit::Kind::kRebooted, ""};
    return {};
  }

 private:
  FirecrackerMonitor(VmmPaths paths, UniqueFd process, std::vector<FirecrackerRequest> machine)
      : paths_(std::move(paths)), process_(std::move(process)), machine_(std::move(machine)) {}

  std::filesystem::path Api() const { return paths_.sockets / kApiSocket; }

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
  std::atomic<bool> halted_ = false;
  std::unique_ptr<HaltWatch> halt_watch_;  // the last: its thread uses the rest
};

// Those that are not there Firecracker does not make; those of an earlier run go.
absl::Status MakeEmpty(const std::filesystem::path& path) {
  return OpenFile(path, O_WRONLY | O_CREAT | O_TRUNC, 0600).status();
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
  BANGER_ASSIGN_OR_RETURN(StartedVmm started,
                          StartVmm({.launcher = options_.launcher,
                                    .confined = {.cgroup = paths.cgroup,
                                                 .files = FilesOfFirecracker(program, machine, paths),
                                                 .argv = FirecrackerArgv(program, machine.uid, paths)},
                                    .stdout_fd = console.get()}));
  BANGER_ASSIGN_OR_RETURN(
      std::unique_ptr<VmmMonitor> monitor,
      FirecrackerMonitor::Create(paths, started.child.pidfd(), MachineRequests(machine, paths, tap)));
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
