#include "services/vmd/testing/firecracker/tied_process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/os/exec_vector.h"
#include "common/status/error.h"

namespace banger::vmd {

absl::StatusOr<UniqueFd> StartTied(const std::vector<std::string>& argv,
                                   const std::vector<std::pair<int, int>>& fds) {
  const std::vector<char*> arguments = ExecVector(argv);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) return ErrnoError(errno, absl::StrCat("start '", argv[0], "'"));
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(127);
    ::dup2(::open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
    for (const auto& [number, ours] : fds) {
      if (number == ours)
        ::fcntl(ours, F_SETFD, 0);
      else
        ::dup2(ours, number);
    }
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  UniqueFd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd.valid()) return ErrnoError(errno, absl::StrCat("open process ", pid));
  return pidfd;
}

}  // namespace banger::vmd
