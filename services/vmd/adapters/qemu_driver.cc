#include "services/vmd/adapters/qemu_driver.h"

#include <fcntl.h>

#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/unix_socket.h"
#include "common/status/status_macros.h"
#include "common/sync/mutex.h"
#include "services/vmd/adapters/confinement.h"
#include "services/vmd/adapters/qemu_migration.h"
#include "services/vmd/adapters/qmp_client.h"
#include "services/vmd/adapters/vmm_process.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace {

// Of a host that is busy with others.
constexpr std::chrono::seconds kStartTimeout{60};
constexpr std::chrono::seconds kCommandTimeout{5};
// Its own memory, its threads' stacks, the page tables and caches of its disks' files;
// emulation keeps at most so much code besides.
constexpr std::int64_t kOverheadMib = 256;
constexpr std::int64_t kTranslatedCodeMib = 1024;

// Memory and devices of a frozen machine, in its directory.
constexpr char kStateFile[] = "memory";

class QemuMonitor final : public VmmMonitor {
 public:
  // `state` is of a machine that was frozen by a QEMU of that version; else it boots.
  explicit QemuMonitor(UniqueFd socket, UniqueFd state = {}, std::string version = {})
      : state_(std::move(state)),
        version_(std::move(version)),
        qmp_(std::move(socket),
             [this](const std::string& name, const nlohmann::json& data) { OnEvent(name, data); }) {}

  absl::Status Run(const std::stop_token&) override {
    if (state_.valid()) BANGER_RETURN_IF_ERROR(GoOn());
    return qmp_.Execute("cont", kStartTimeout).status();
  }
  absl::Status PowerDown() override { return qmp_.Execute("system_powerdown", kCommandTimeout).status(); }
  absl::Status Pause() override { return qmp_.Execute("stop", kCommandTimeout).status(); }
  absl::Status Resume() override {
    BANGER_RETURN_IF_ERROR(EndSaving(qmp_));
    return qmp_.Execute("cont", kCommandTimeout).status();
  }
  absl::StatusOr<std::string> Freeze(const std::filesystem::path& directory,
                                     const std::stop_token& stop) override {
    BANGER_ASSIGN_OR_RETURN(std::string version, QemuVersion(qmp_));
    BANGER_ASSIGN_OR_RETURN(const UniqueFd state,
                            OpenFile(directory / kStateFile, O_WRONLY | O_CREAT | O_EXCL));
    BANGER_RETURN_IF_ERROR(SaveState(qmp_, state.get(), stop));
    return version;
  }

  VmmExit HowItEnded() override {
    qmp_.WaitForEnd(kCommandTimeout);
    const MutexLock lock(mutex_);
    if (shutdown_reason_ == "guest-shutdown") return {VmmExit::Kind::kPoweredOff, ""};
    if (shutdown_reason_ == "guest-reset") return {VmmExit::Kind::kRebooted, ""};
    return {VmmExit::Kind::kEnded, shutdown_reason_ == "host-signal" ? "killed" : ""};
  }

 private:
  absl::Status GoOn() {
    BANGER_ASSIGN_OR_RETURN(const std::string version, QemuVersion(qmp_));
    if (version != version_)
      return SnapshotUnfit(absl::StrCat("it is of QEMU ", version_, ", here is QEMU ", version));
    BANGER_RETURN_IF_ERROR(LoadState(qmp_, state_.get()));
    state_.Reset();
    return absl::OkStatus();
  }

  void OnEvent(const std::string& name, const nlohmann::json& data) {
    if (name != "SHUTDOWN" || !data.is_object()) return;
    const auto reason = data.find("reason");
    if (reason == data.end() || !reason->is_string()) return;
    const MutexLock lock(mutex_);
    shutdown_reason_ = reason->get<std::string>();
  }

  UniqueFd state_;
  const std::string version_;
  Mutex mutex_;
  std::string shutdown_reason_ ABSL_GUARDED_BY(mutex_);
  QmpClient qmp_;  // the last: its thread uses the rest
};

}  // namespace

bool QemuDriver::Knows(const std::string& vmm) const {
  return vmm == VmmName(Accelerator::kKvm) || vmm == VmmName(Accelerator::kTcg);
}

absl::StatusOr<Accelerator> QemuDriver::Choose(const std::filesystem::path& qemu, const Machine& machine,
                                               const std::stop_token& stop) {
  if (machine.frozen.has_value()) {
    const bool kvm = machine.frozen->machine.vmm.vmm == VmmName(Accelerator::kKvm);
    if (kvm && !CanOpenKvm()) return SnapshotUnfit("it ran with KVM, which cannot be opened here");
    return kvm ? Accelerator::kKvm : Accelerator::kTcg;
  }
  if (options_.vmm == "qemu-tcg") return Accelerator::kTcg;
  if (options_.vmm == "qemu-kvm") {
    if (!CanOpenKvm()) return VmmFailed("vmm is \"qemu-kvm\", but /dev/kvm cannot be opened");
    return Accelerator::kKvm;
  }
  BANGER_ASSIGN_OR_RETURN(const bool runs, probe_.Runs(QemuKvmTrial(qemu, machine.vmlinux), stop));
  return runs ? Accelerator::kKvm : Accelerator::kTcg;
}

absl::StatusOr<SpawnedVmm> QemuDriver::Spawn(const Machine& machine, const VmmPaths& paths,
                                             const std::stop_token& stop) {
  const absl::StatusOr<std::filesystem::path> qemu = FindProgram(options_.qemu_bin);
  if (!qemu.ok()) return VmmNotFound(options_.qemu_bin, "install qemu-system-x86, or set qemu_bin");
  BANGER_ASSIGN_OR_RETURN(const Accelerator accelerator, Choose(*qemu, machine, stop));
  UniqueFd state;
  std::string version;
  if (machine.frozen.has_value()) {
    BANGER_ASSIGN_OR_RETURN(state, OpenFile(machine.frozen->directory / kStateFile, O_RDONLY));
    version = machine.frozen->machine.vmm.version;
  }
  BANGER_ASSIGN_OR_RETURN(const UniqueFd qmp, ListenUnix(paths.sockets / "qmp", 0600));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd agent, ListenUnix(paths.sockets / "agent", 0600));
  BANGER_ASSIGN_OR_RETURN(UniqueFd connected, ConnectUnix(paths.sockets / "qmp"));
  // It may write to the file, and make none.
  BANGER_RETURN_IF_ERROR(OpenFile(paths.console_log, O_WRONLY | O_CREAT, 0600).status());
  VmmCommand command{.launcher = options_.launcher,
                     .confined = {.cgroup = paths.cgroup,
                                  .files = FilesOfQemu(*qemu, machine),
                                  .argv = QemuArgv(*qemu, machine, accelerator, tsc_.Khz())},
                     .fds = {{kQmpFd, qmp.get()}, {kAgentFd, agent.get()}}};
  UniqueFd tap;
  if (machine.network_mode == NetworkMode::kBridge) {
    BANGER_ASSIGN_OR_RETURN(tap, options_.open_tap(machine.uid));
    command.fds.emplace_back(kTapFd, tap.get());
  }
  BANGER_ASSIGN_OR_RETURN(StartedVmm started, StartVmm(command));
  return SpawnedVmm{std::move(started.child), std::move(started.complaints), VmmName(accelerator),
                    std::make_unique<QemuMonitor>(std::move(connected), std::move(state), std::move(version)),
                    kOverheadMib + (accelerator == Accelerator::kTcg ? kTranslatedCodeMib : 0)};
}

absl::StatusOr<std::unique_ptr<VmmMonitor>> QemuDriver::Connect(const VmmPaths& paths, int) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd socket, ConnectUnix(paths.sockets / "qmp"));
  return std::make_unique<QemuMonitor>(std::move(socket));
}

}  // namespace banger::vmd
