#include "services/vmd/adapters/denied_calls.h"

#include <fcntl.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <initializer_list>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace {

// Of sockets only connecting: all of its own it is given or binds. Of files what
// Landlock does not see. Of processes all but its own threads. Memory and messages
// that are shared by a key. Of the kernel what has been a way out before, io_uring
// also as it passes filters by.
constexpr char kDenied[] = R"(
  connect
  chmod chown fchmod fchmodat fchown fchownat lchown fsetxattr lsetxattr setxattr fremovexattr lremovexattr
  removexattr truncate utime utimensat utimes futimesat
  execveat fork vfork kill pidfd_getfd pidfd_open pidfd_send_signal process_madvise process_mrelease
  process_vm_readv process_vm_writev ptrace rt_sigqueueinfo rt_tgsigqueueinfo tkill kcmp
  ioprio_set migrate_pages move_pages sched_setaffinity sched_setattr sched_setparam sched_setscheduler
  setpriority
  mq_open mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop shmat shmctl shmget
  acct add_key bpf chroot delete_module finit_module fsconfig fsmount fsopen fspick init_module
  io_uring_enter io_uring_register io_uring_setup kexec_file_load kexec_load keyctl mount mount_setattr
  move_mount open_by_handle_at open_tree perf_event_open pivot_root quotactl quotactl_fd reboot request_key setns
  swapoff swapon umount2 unshare userfaultfd
)";

// Calls that kernels got after this list was made, on all architectures with the
// same numbers: among them are changes of modes and attributes (fchmodat2,
// setxattrat). cachestat of Linux 6.5 was the first.
constexpr int kFirstUnknown = 451;
constexpr int kLastUnknown = 511;

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};

class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ALLOW)) {}

  absl::Status Load() {
    if (context_ == nullptr) return absl::ResourceExhaustedError("make a seccomp filter");
    for (const absl::string_view name : absl::StrSplit(kDenied, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
      const int number = seccomp_syscall_resolve_name(std::string(name).c_str());
      if (number != __NR_SCMP_ERROR) Deny(number);
    }
    for (int number = kFirstUnknown; number <= kLastUnknown; ++number) Deny(number, {}, ENOSYS);
    DenyProcesses();
    DenySockets();
    DenyOwners();
    if (problem_ != 0) return ErrnoError(-problem_, "add to the seccomp filter");
    if (const int error = seccomp_load(context_.get()); error != 0)
      return ErrnoError(-error, "enforce the seccomp filter");
    return absl::OkStatus();
  }

 private:
  // Without the upper half of a register, which the kernel does not look at.
  static scmp_arg_cmp IsInt(unsigned argument, int value) {
    return {argument, SCMP_CMP_MASKED_EQ, 0xffff'ffff, static_cast<scmp_datum_t>(value)};
  }

  void Deny(int call, std::initializer_list<scmp_arg_cmp> when = {}, std::uint32_t error = EPERM) {
    const int result = seccomp_rule_add_array(context_.get(), SCMP_ACT_ERRNO(error), call,
                                              static_cast<unsigned>(when.size()), when.begin());
    if (problem_ == 0) problem_ = result;
  }

  // Threads only, no namespaces; clone3's flags are out of sight, and libc goes on
  // with clone. Signals and limits for itself, whose number stays when it executes
  // the VMM.
  void DenyProcesses() {
    Deny(SCMP_SYS(clone), {{0, SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0}});
    Deny(SCMP_SYS(clone3), {}, ENOSYS);
    Deny(SCMP_SYS(tgkill), {{0, SCMP_CMP_NE, static_cast<scmp_datum_t>(::getpid()), 0}});
    Deny(SCMP_SYS(prlimit64), {{0, SCMP_CMP_NE, 0, 0}});
  }

  // Datagrams need no connection to reach somebody.
  void DenySockets() {
    Deny(SCMP_SYS(socket), {{0, SCMP_CMP_NE, AF_UNIX, 0}});
    for (const int call : {SCMP_SYS(socket), SCMP_SYS(socketpair)})
      for (const int type : {SOCK_DGRAM, SOCK_RAW})
        Deny(call, {{1, SCMP_CMP_MASKED_EQ, 0xf, static_cast<scmp_datum_t>(type)}});
  }

  // Whoever owns a descriptor's signals gets any signal.
  void DenyOwners() {
    for (const int command : {F_SETOWN, F_SETOWN_EX, F_SETSIG}) Deny(SCMP_SYS(fcntl), {IsInt(1, command)});
    for (const int request : {FIOSETOWN, SIOCSPGRP, TIOCSTI}) Deny(SCMP_SYS(ioctl), {IsInt(1, request)});
  }

  const std::unique_ptr<void, Release> context_;
  int problem_ = 0;
};

}  // namespace

absl::Status DenySystemCalls() { return Filter().Load(); }

}  // namespace banger::vmd
