#include "services/vmd/adapters/qemu_vmm.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/unix_socket.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/console_log.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

// Of a host that is busy with others.
constexpr std::chrono::seconds kStartTimeout{60};
constexpr std::chrono::seconds kCommandTimeout{5};
constexpr std::chrono::seconds kKillTimeout{10};

// What QEMU has said on stderr so far, without waiting; its last line.
std::string LastWords(int pipe) {
  std::string text(64 << 10, '\0');
  const ssize_t n = ::read(pipe, text.data(), text.size());
  text.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
  const std::vector<std::string> lines = absl::StrSplit(absl::StripTrailingAsciiWhitespace(text), '\n');
  return lines.back();
}

absl::StatusOr<std::pair<UniqueFd, UniqueFd>> MakePipe() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0) return ErrnoError(errno, "create pipe");
  return std::pair(UniqueFd(fds[0]), UniqueFd(fds[1]));
}

// Whether /proc/PID is a QEMU of ours with that name.
bool IsVmmOf(const fs::path& process, const std::string& name) {
  const absl::StatusOr<std::string> cmdline = ReadFile(process / "cmdline", 1 << 20);
  if (!cmdline.ok()) return false;
  const std::vector<std::string> argv = absl::StrSplit(*cmdline, '\0');
  return argv.size() > 3 && argv[0].find("qemu") != std::string::npos && argv[1] == "-name" &&
         argv[2] == name;
}

bool IsOurs(const fs::path& process) {
  struct stat info {};
  return ::stat(process.c_str(), &info) == 0 && info.st_uid == ::geteuid();
}

}  // namespace

struct QemuVmm::Spawned {
  Subprocess child;
  UniqueFd qmp_socket;  // connected
  UniqueFd stderr_pipe;
  Accelerator accelerator;
};

QemuVmm::QemuVmm(QemuOptions options, OnExit on_exit)
    : options_(std::move(options)), on_exit_(std::move(on_exit)), probe_(options_.vmm, options_.cache_dir) {}

void QemuVmm::StopWatching() {
  std::vector<InstancePtr> instances;
  {
    const MutexLock lock(mutex_);
    for (const auto& [uid, instance] : instances_) instances.push_back(instance);
  }
  for (const InstancePtr& instance : instances) instance->watcher.request_stop();
  for (const InstancePtr& instance : instances)
    if (instance->watcher.joinable()) instance->watcher.join();
}

absl::StatusOr<VmmProcess> QemuVmm::Launch(const Machine& machine, const std::stop_token& stop) {
  const std::string& uid = machine.uid;
  const std::int64_t console_begin = ConsoleSize(machine.disks.console_log);
  BANGER_ASSIGN_OR_RETURN(Spawned spawned, Spawn(machine, stop));
  // Until Detach the child dies with `spawned`.
  BANGER_ASSIGN_OR_RETURN(const ProcessIdentity identity, IdentifyProcess(spawned.child.pid()));
  VmmProcess process{
      .pid = identity.pid, .vmm = VmmName(spawned.accelerator), .agent_socket = SocketDir(uid) / "agent"};
  BANGER_RETURN_IF_ERROR(WriteRuntimeRecord(
      RecordPath(uid), {.process = identity, .vmm = process.vmm, .console_begin = console_begin}));
  const InstancePtr instance =
      Watch(uid, process, spawned.child.Detach(), console_begin, std::move(spawned.qmp_socket));
  // It has waited for this, so the guest runs only once it is on record.
  const absl::Status started = instance->qmp->Execute("cont", kStartTimeout).status();
  if (started.ok()) return process;
  const std::string words = LastWords(spawned.stderr_pipe.get());
  return VmmFailed(absl::StrCat("start QEMU: ", words.empty() ? std::string(started.message()) : words));
}

absl::StatusOr<QemuVmm::Spawned> QemuVmm::Spawn(const Machine& machine, const std::stop_token& stop) {
  const absl::StatusOr<fs::path> qemu = FindProgram(options_.qemu_bin);
  if (!qemu.ok()) return VmmNotFound(options_.qemu_bin);
  BANGER_ASSIGN_OR_RETURN(const Accelerator accelerator, probe_.Choose(*qemu, machine.vmlinux, stop));
  const fs::path sockets = SocketDir(machine.uid);
  BANGER_RETURN_IF_ERROR(MakeDirectories(sockets));
  // QEMU inherits listening sockets: nobody has to wait for them to appear.
  BANGER_ASSIGN_OR_RETURN(const UniqueFd qmp, ListenUnix(sockets / "qmp", 0600));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd agent, ListenUnix(sockets / "agent", 0600));
  BANGER_ASSIGN_OR_RETURN(UniqueFd connected, ConnectUnix(sockets / "qmp"));
  Subprocess::Options options{.fds = {{kQmpFd, qmp.get()}, {kAgentFd, agent.get()}}, .new_session = true};
  UniqueFd tap;
  if (machine.network_mode == NetworkMode::kBridge) {
    BANGER_ASSIGN_OR_RETURN(tap, options_.open_tap(machine.uid));
    options.fds.emplace_back(kTapFd, tap.get());
  }
  // Read for as long as QEMU starts; later it has nobody to complain to.
  BANGER_ASSIGN_OR_RETURN(auto pipe, MakePipe());
  options.argv = QemuArgv(*qemu, machine, accelerator, tsc_.Khz());
  options.env = std::vector<std::string>{"PATH=/usr/bin:/bin"};
  options.working_dir = "/";
  options.stdout_fd = pipe.second.get();
  options.stderr_fd = pipe.second.get();
  BANGER_ASSIGN_OR_RETURN(Subprocess child, Subprocess::Start(options));
  const rlimit no_core{0, 0};  // a core would hold the guest's memory
  ::prlimit(child.pid(), RLIMIT_CORE, &no_core, nullptr);
  return Spawned{std::move(child), std::move(connected), std::move(pipe.first), accelerator};
}

absl::StatusOr<VmmProcess> QemuVmm::Adopt(const std::string& uid) {
  BANGER_ASSIGN_OR_RETURN(const RuntimeRecord record, ReadRuntimeRecord(RecordPath(uid)));
  BANGER_ASSIGN_OR_RETURN(UniqueFd pidfd, OpenProcess(record.process));
  BANGER_ASSIGN_OR_RETURN(UniqueFd qmp, ConnectUnix(SocketDir(uid) / "qmp"));
  VmmProcess process{.pid = record.process.pid, .vmm = record.vmm, .agent_socket = SocketDir(uid) / "agent"};
  Watch(uid, process, std::move(pidfd), record.console_begin, std::move(qmp));
  return process;
}

QemuVmm::InstancePtr QemuVmm::Watch(const std::string& uid, VmmProcess process, UniqueFd pidfd,
                                    std::int64_t console_begin, UniqueFd qmp_socket) {
  auto instance = std::make_shared<Instance>();
  instance->process = std::move(process);
  instance->pidfd = std::move(pidfd);
  instance->console_begin = console_begin;
  Instance* const raw = instance.get();  // outlives its QMP client
  instance->qmp = std::make_unique<QmpClient>(std::move(qmp_socket),
                                              [raw](const std::string& name, const nlohmann::json& data) {
                                                if (name != "SHUTDOWN" || !data.is_object()) return;
                                                const auto reason = data.find("reason");
                                                if (reason == data.end() || !reason->is_string()) return;
                                                const MutexLock lock(raw->mutex);
                                                raw->shutdown_reason = reason->get<std::string>();
                                              });
  {
    const MutexLock lock(mutex_);
    instances_[uid] = instance;
  }
  instance->watcher =
      std::jthread([this, uid, instance](const std::stop_token& stop) { AwaitEnd(uid, instance, stop); });
  return instance;
}

void QemuVmm::AwaitEnd(const std::string& uid, const InstancePtr& instance, const std::stop_token& stop) {
  while (!WaitForProcessEnd(instance->pidfd.get(), 1h, stop))
    if (stop.stop_requested()) return;
  siginfo_t info{};
  // Fails for adopted ones, which are not our children.
  const bool reaped = ::waitid(P_PIDFD, static_cast<id_t>(instance->pidfd.get()), &info, WEXITED) == 0;
  instance->qmp->WaitForEnd(kCommandTimeout);
  VmmExit exit = ExplainEnd(uid, *instance);
  if (exit.kind == VmmExit::Kind::kEnded && reaped)
    exit.detail = absl::StrCat(info.si_code == CLD_EXITED ? "exit code " : "signal ", info.si_status);
  on_exit_(uid, exit);
}

VmmExit QemuVmm::ExplainEnd(const std::string& uid, Instance& instance) {
  if (const std::string panic = FindPanic(ConsolePath(uid), instance.console_begin); !panic.empty())
    return {VmmExit::Kind::kPanicked, panic};
  const MutexLock lock(instance.mutex);
  if (instance.shutdown_reason == "guest-shutdown") return {VmmExit::Kind::kPoweredOff, ""};
  if (instance.shutdown_reason == "guest-reset") return {VmmExit::Kind::kRebooted, ""};
  return {VmmExit::Kind::kEnded, instance.shutdown_reason == "host-signal" ? "killed" : ""};
}

QemuVmm::InstancePtr QemuVmm::FindInstance(const std::string& uid) const {
  const MutexLock lock(mutex_);
  const auto found = instances_.find(uid);
  return found == instances_.end() ? nullptr : found->second;
}

std::optional<VmmProcess> QemuVmm::Running(const std::string& uid) const {
  const InstancePtr instance = FindInstance(uid);
  if (instance == nullptr || WaitForProcessEnd(instance->pidfd.get(), 0ms)) return std::nullopt;
  return instance->process;
}

absl::Status QemuVmm::PowerDown(const std::string& uid) {
  const InstancePtr instance = FindInstance(uid);
  if (instance == nullptr) return absl::NotFoundError("the VMM has ended");
  return instance->qmp->Execute("system_powerdown", kCommandTimeout).status();
}

absl::Status QemuVmm::Signal(const std::string& uid, int signal) {
  const InstancePtr instance = FindInstance(uid);
  if (instance == nullptr) return absl::NotFoundError("the VMM has ended");
  return SignalProcess(instance->pidfd.get(), signal);
}

bool QemuVmm::WaitForEnd(const std::string& uid, std::chrono::milliseconds timeout,
                         const std::stop_token& stop) {
  const InstancePtr instance = FindInstance(uid);
  return instance == nullptr || WaitForProcessEnd(instance->pidfd.get(), timeout, stop);
}

absl::Status QemuVmm::Destroy(const std::string& uid) {
  if (const InstancePtr instance = FindInstance(uid)) {
    SignalProcess(instance->pidfd.get(), SIGKILL).IgnoreError();
    if (!WaitForProcessEnd(instance->pidfd.get(), kKillTimeout))
      return absl::InternalError(absl::StrCat("VMM ", instance->process.pid, " does not end"));
    if (instance->watcher.joinable()) instance->watcher.join();
    const MutexLock lock(mutex_);
    instances_.erase(uid);
  } else if (const absl::StatusOr<UniqueFd> lost = FindLost(uid); lost.ok()) {
    SignalProcess(lost->get(), SIGKILL).IgnoreError();
    if (!WaitForProcessEnd(lost->get(), kKillTimeout))
      return absl::InternalError(absl::StrCat("the VMM of ", uid, " does not end"));
  } else if (!absl::IsNotFound(lost.status())) {
    return lost.status();
  }
  return RemoveTraces(uid);
}

// A VMM that is not ours to watch: vmd ended between its start and its record,
// or the record is broken. Found by its name, among our own processes only.
absl::StatusOr<UniqueFd> QemuVmm::FindLost(const std::string& uid) const {
  std::error_code error;
  for (fs::directory_iterator entry("/proc", error), end; !error && entry != end; entry.increment(error)) {
    pid_t pid = 0;
    if (!absl::SimpleAtoi(entry->path().filename().string(), &pid) || !IsOurs(entry->path())) continue;
    const absl::StatusOr<ProcessIdentity> identity = IdentifyProcess(pid);
    if (!identity.ok() || !IsVmmOf(entry->path(), QemuName(uid))) continue;
    return OpenProcess(*identity);
  }
  if (error) return ErrnoError(error.value(), "read /proc");
  return absl::NotFoundError("no such VMM");
}

absl::Status QemuVmm::RemoveTraces(const std::string& uid) const {
  std::error_code error;
  fs::remove(RecordPath(uid), error);
  return RemoveTree(SocketDir(uid));
}

}  // namespace banger::vmd
