// banger-agent: the guest's side of banger. As PID 1, from the agent disk, it
// makes the root file system and hands over to the image's init, or is the init
// itself. With --serve it answers vmd; with --ssh-session it lets one ssh client in,
// whose login shell it is again.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <fstream>
#include <string>

#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/version/version.h"
#include "services/agent/adapters/boot_warnings.h"
#include "services/agent/adapters/identity.h"
#include "services/agent/adapters/image_finaliser.h"
#include "services/agent/adapters/login_shell.h"
#include "services/agent/adapters/network.h"
#include "services/agent/adapters/root_disk.h"
#include "services/agent/adapters/ssh_session.h"
#include "services/agent/adapters/supervisor.h"
#include "services/agent/server.h"

namespace banger::agent {
namespace {

// Agent and supervisor are the last to go when memory is short.
void BecomeUnkillable() { std::ofstream("/proc/self/oom_score_adj") << "-1000"; }

absl::Status EnterRoot() {
  BANGER_RETURN_IF_ERROR(MountKernelFileSystems());
  BANGER_ASSIGN_OR_RETURN(const Disks disks, FindDisks());
  return EnterRootDisk(disks);
}

// Becomes the image's init; the supervisor runs beside it, once that is done.
absl::Status HandOver() {
  int fds[2];
  if (::pipe2(fds, O_CLOEXEC) < 0) return ErrnoError(errno, "create pipe");
  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoError(errno, "fork");
  if (pid == 0) {
    ::close(fds[1]);
    char failed = 0;
    if (::read(fds[0], &failed, 1) != 0) ::_exit(0);
    ::close(fds[0]);
    ::setsid();
    BecomeUnkillable();
    Supervise();
  }
  ::execl("/sbin/init", "/sbin/init", nullptr);
  const absl::Status failed = ErrnoError(errno, "run '/sbin/init'");
  [[maybe_unused]] const ssize_t n = ::write(fds[1], "x", 1);
  ::close(fds[0]);
  ::close(fds[1]);
  ::waitpid(pid, nullptr, 0);
  return failed;
}

void Note(const absl::Status& status) {
  if (!status.ok()) NoteBootWarning(std::string(status.message()));
}

int Failed(const char* what, const absl::Status& status) {
  log::Error(what, {{"error", std::string(status.message())}});
  return 1;
}

int Boot() {
  // PID 1 ends, the kernel panics, the VM ends: the cause is the last line.
  if (const absl::Status entered = EnterRoot(); !entered.ok()) return Failed("cannot boot", entered);
  for (const std::string& warning : FinaliseImage("/", VmUidOfBoot())) NoteBootWarning(warning);
  Note(BringUpLoopback());
  if (HasSystemd()) Note(Annotate(HandOver(), "systemd does not run, the agent is the init"));
  Note(MountWhatAnInitWould());
  StartHostKeys();
  BecomeUnkillable();
  Supervise();
}

// Its stderr is that of the ssh client.
[[noreturn]] void SshSession(const char* key) {
  const absl::Status served = ServeSsh(key);
  if (!served.ok())
    std::fprintf(stderr, "banger: the guest cannot serve ssh: %s\n", std::string(served.message()).c_str());
  ::_exit(served.ok() ? 0 : 1);
}

int Main(int argc, char** argv) {
  if (CalledAsShell(argc, argv)) return BecomeLoginShell(argc, argv);
  if (const absl::Status status = log::Init("banger-agent", "warn"); !status.ok()) return 2;
  if (::getpid() == 1) return Boot();
  if (argc == 3 && std::string(argv[1]) == "--ssh-session") SshSession(argv[2]);
  const std::string mode = argc == 2 ? argv[1] : "";
  if (mode == "--serve") {
    const absl::Status served = Serve();
    return served.ok() ? 0 : Failed("cannot serve", served);
  }
  if (mode == "--version") {
    std::printf("banger-agent %s (%s)\n", GetBuildInfo().version, GetBuildInfo().commit);
    return 0;
  }
  std::fprintf(stderr, "banger-agent runs inside VMs; usage: banger-agent --serve | --version\n");
  return 2;
}

}  // namespace
}  // namespace banger::agent

int main(int argc, char** argv) { return banger::agent::Main(argc, argv); }
