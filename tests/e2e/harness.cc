#include "tests/e2e/harness.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::e2e {
namespace fs = std::filesystem;
namespace {

using namespace std::chrono_literals;

bool IsRoot() { return ::geteuid() == 0; }

void BringUpLoopback() {
  const UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  ::ioctl(fd.get(), SIOCSIFFLAGS, &request);
}

// As udev has it on any host: everybody may open taps that are theirs.
absl::Status OpenTunDevice() {
  if (::mount("tmpfs", "/dev/net", "tmpfs", 0, "mode=0755") < 0) return ErrnoError(errno, "mount /dev/net");
  ::umask(0);
  const int made = ::mknod("/dev/net/tun", S_IFCHR | 0666, makedev(10, 200));
  ::umask(0022);
  return made == 0 ? absl::OkStatus() : ErrnoError(errno, "make /dev/net/tun");
}

// Once a program: the host's own links and routes stay out of reach. /sys is
// mounted again, as it shows the links of the namespace that it was mounted in.
absl::Status EnterNetworkNamespace() {
  static bool entered = false;
  if (entered || !IsRoot()) return absl::OkStatus();
  if (::unshare(CLONE_NEWNET | CLONE_NEWNS) < 0) return ErrnoError(errno, "enter a network namespace");
  ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  if (::mount("sysfs", "/sys", "sysfs", 0, nullptr) < 0) return ErrnoError(errno, "mount /sys");
  BringUpLoopback();
  BANGER_RETURN_IF_ERROR(OpenTunDevice());
  entered = true;
  return absl::OkStatus();
}

fs::path BuildDir() { return BANGER_BUILD_DIR; }

std::vector<std::string> Unprivileged(const std::string& program) {
  if (!IsRoot()) return {program};
  return {"setpriv", absl::StrCat("--reuid=", kDaemonUid), absl::StrCat("--regid=", kDaemonUid),
          "--clear-groups", program};
}

}  // namespace

fs::path Assets() {
  const char* assets = std::getenv("BANGER_TEST_ASSETS");
  return assets != nullptr ? fs::path(assets) : BuildDir().parent_path() / "test-assets";
}

std::string TestedImage(const std::string& usual) {
  const char* image = std::getenv("BANGER_E2E_IMAGE");
  return image != nullptr ? image : usual;
}

std::string BuildProgram(const std::string& name) { return BuildDir() / "bin" / name; }

absl::StatusOr<Instance> Instance::Start(const InstanceOptions& options) {
  if (options.own_network) BANGER_RETURN_IF_ERROR(EnterNetworkNamespace());
  // /tmp, as a socket's path has little room.
  BANGER_ASSIGN_OR_RETURN(TempDir dir, TempDir::Create("/tmp"));
  Instance instance(std::move(dir));
  instance.environment_ = options.environment;
  const fs::path root = instance.root();
  ::chmod(root.c_str(), 0755);
  for (const char* part : {"state", "cache", "run", "logs"}) {
    BANGER_RETURN_IF_ERROR(MakeDirectories(root / part, 0755));
    if (IsRoot() && ::chown((root / part).c_str(), kDaemonUid, kDaemonUid) < 0)
      return ErrnoError(errno, absl::StrCat("chown '", (root / part).string(), "'"));
  }
  BANGER_RETURN_IF_ERROR(instance.WriteConfig(options.config));
  if (options.netd && options.own_network && IsRoot()) instance.daemons_.emplace_back("netd");
  for (const char* name : {"kerneld", "imaged", "vmd", "gateway"}) instance.daemons_.emplace_back(name);
  for (const std::string& name : instance.daemons_) BANGER_RETURN_IF_ERROR(instance.StartDaemon(name));
  if (Vmm() == "firecracker") BANGER_RETURN_IF_ERROR(instance.StartFakeKvm());
  return instance;
}

Instance::~Instance() {
  if (root().empty()) return;
  KillVmms();
  for (auto& [name, process] : processes_) process.Signal(SIGTERM).IgnoreError();
  for (auto& [name, process] : processes_) process.Wait().status().IgnoreError();
  if (std::getenv("BANGER_E2E_KEEP") != nullptr) dir_.Release();
  // In our own network namespace, so this is what a failed test left.
  if (daemons_.front() == "netd")
    RunCommand({.argv = {"ip", "link", "delete", "br-banger"}}).status().IgnoreError();
}

// A test that failed may leave VMMs: they are ours by their command line.
void Instance::KillVmms() const {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc", error)) {
    const pid_t pid = std::atoi(entry.path().filename().c_str());
    const auto command_line = ReadFile(entry.path() / "cmdline");
    const bool ours = command_line.ok() && absl::StrContains(*command_line, root().string());
    // Or what confines it before it is executed.
    const bool vmm = ours && (absl::StrContains(*command_line, "/usr/bin/qemu") ||
                              absl::StrContains(*command_line, "/fake-firecracker"));
    if (pid > 0 && vmm) ::kill(pid, SIGKILL);
  }
}

std::string Instance::Vmm() {
  const char* vmm = std::getenv("BANGER_E2E_VMM");
  return vmm != nullptr ? vmm : "";
}

absl::Status Instance::WriteConfig(const std::string& config) const {
  std::string text = config;
  if (Vmm() == "firecracker") {
    // Before the tables of the rest.
    text = absl::StrCat("vmm = \"firecracker\"\nfirecracker_bin = \"",
                        (BuildDir() / "tests/fake-firecracker").string(), "\"\n", text);
  }
  return WriteFileAtomically(root() / "config.toml", text, 0644);
}

std::vector<std::string> Instance::Environment(const std::string& daemon) const {
  std::vector<std::string> all = {absl::StrCat("BANGER_ROOT=", root().string()),
                                  "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "NO_COLOR=1", "LANG=C.UTF-8",
                                  "TERM=dumb"};
  if (const auto more = environment_.find(daemon); more != environment_.end())
    all.insert(all.end(), more->second.begin(), more->second.end());
  return all;
}

std::vector<std::string> Instance::DaemonCommand(const std::string& name) const {
  const std::string program = BuildProgram(absl::StrCat("banger-", name));
  if (name == "netd" && IsRoot()) return {program, "--client-uid", absl::StrCat(kDaemonUid)};
  return Unprivileged(program);
}

absl::Status Instance::StartDaemon(const std::string& name) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd log, OpenFile(Log(name), O_WRONLY | O_CREAT | O_APPEND, 0644));
  const fs::path socket = root() / (name == "netd" ? "netd" : "run") / absl::StrCat(name, ".sock");
  ::unlink(socket.c_str());
  BANGER_ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start({.argv = DaemonCommand(name),
                                                                 .env = Environment(name),
                                                                 .stdout_fd = log.get(),
                                                                 .stderr_fd = log.get(),
                                                                 .new_session = true}));
  const int pidfd = process.pidfd();
  processes_.insert_or_assign(name, std::move(process));
  const bool up = Eventually([&] { return fs::exists(socket) || WaitForProcessEnd(pidfd, 0ms); }, 20s);
  if (up && fs::exists(socket)) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("start ", name, ": ", ReadFile(Log(name)).value_or("no log")));
}

absl::Status Instance::StartFakeKvm() {
  std::vector<std::string> command = Unprivileged(BuildDir() / "tests/fake-kvm");
  command.push_back(root() / "run/vm");
  BANGER_ASSIGN_OR_RETURN(const UniqueFd log, OpenFile(Log("fake-kvm"), O_WRONLY | O_CREAT, 0644));
  BANGER_ASSIGN_OR_RETURN(Subprocess process, Subprocess::Start({.argv = command,
                                                                 .env = Environment(),
                                                                 .stdout_fd = log.get(),
                                                                 .stderr_fd = log.get(),
                                                                 .new_session = true}));
  processes_.insert_or_assign("fake-kvm", std::move(process));
  return absl::OkStatus();
}

void Instance::CrashDaemon(const std::string& name) { processes_.erase(name); }

absl::StatusOr<ExitStatus> Instance::StopDaemon(const std::string& name) {
  const auto found = processes_.find(name);
  if (found == processes_.end()) return absl::NotFoundError(name);
  BANGER_RETURN_IF_ERROR(found->second.Signal(SIGTERM));
  absl::StatusOr<ExitStatus> status = found->second.Wait();
  processes_.erase(found);
  return status;
}

CommandResult Instance::Banger(std::vector<std::string> arguments, const std::string& input) const {
  arguments.insert(arguments.begin(), BuildProgram("banger"));
  absl::StatusOr<CommandResult> result = RunCommand({.argv = arguments, .env = Environment()}, input);
  if (result.ok()) return *std::move(result);
  return {.status = {.code = -1}, .out = "", .err = result.status().ToString()};
}

absl::StatusOr<Subprocess> Instance::StartBanger(std::vector<std::string> arguments, int stdout_fd) const {
  arguments.insert(arguments.begin(), BuildProgram("banger"));
  return Subprocess::Start(
      {.argv = arguments, .env = Environment(), .stdout_fd = stdout_fd, .new_session = true});
}

absl::Status Instance::ImportKernel() const {
  const CommandResult result = Banger({"kernel", "import", "debian-6.1", "--from", Assets() / "kernel.deb"});
  return result.status.success() ? absl::OkStatus() : absl::InternalError(result.err);
}

absl::Status Instance::ImportImage(const std::string& name) const {
  const CommandResult result = Banger({"image", "import", name, "--from",
                                       Assets() / absl::StrCat(name, ".tar"), "--kernel-ref", "debian-6.1"});
  return result.status.success() ? absl::OkStatus() : absl::InternalError(result.err);
}

absl::Status Instance::WarmUp() const {
  const CommandResult result = Banger({"vm", "run", "--rm", "--image", "mini", "--", "true"});
  return result.status.success() ? absl::OkStatus() : absl::InternalError(result.err);
}

HostSnapshot Instance::Snapshot() const { return TakeSnapshot(root()); }

}  // namespace banger::e2e
