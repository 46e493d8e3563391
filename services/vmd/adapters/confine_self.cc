#include <seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/landlock.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/adapters/confinement.h"

namespace banger::vmd {
namespace {

// A VMM has a few dozen, and one for each vsock connection.
constexpr rlim_t kMaxDescriptors = 1024;

// Of sockets only connecting: all of its own it is given or binds. Of files what
// Landlock does not see. Of processes all but its own threads. Of the kernel what
// has been a way out before, io_uring also as it passes filters by.
constexpr char kDenied[] = R"(
  connect
  chmod chown fchmod fchmodat fchown fchownat lchown fsetxattr lsetxattr setxattr fremovexattr lremovexattr
  removexattr truncate utime utimensat utimes futimesat
  kill pidfd_getfd pidfd_open pidfd_send_signal process_madvise process_vm_readv process_vm_writev ptrace
  rt_sigqueueinfo rt_tgsigqueueinfo tkill kcmp
  acct add_key bpf chroot delete_module finit_module fsconfig fsmount fsopen fspick init_module
  io_uring_enter io_uring_register io_uring_setup kexec_file_load kexec_load keyctl mount mount_setattr
  move_mount open_by_handle_at open_tree perf_event_open pivot_root quotactl reboot request_key setns
  swapoff swapon umount2 unshare userfaultfd
)";

struct Release {
  void operator()(void* filter) const { seccomp_release(filter); }
};

absl::Status Check(int result, const std::string& what) {
  return result == 0 ? absl::OkStatus() : ErrnoError(-result, what);
}

absl::Status DenySystemCalls() {
  const std::unique_ptr<void, Release> filter(seccomp_init(SCMP_ACT_ALLOW));
  if (filter == nullptr) return absl::InternalError("make a seccomp filter");
  for (const absl::string_view name : absl::StrSplit(kDenied, absl::ByAnyChar(" \n"), absl::SkipEmpty())) {
    const std::string call(name);
    const int number = seccomp_syscall_resolve_name(call.c_str());
    if (number == __NR_SCMP_ERROR) continue;  // not on this architecture
    BANGER_RETURN_IF_ERROR(
        Check(seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), number, 0), absl::StrCat("deny ", call)));
  }
  // To other processes than this one, whose number stays when it executes the VMM.
  BANGER_RETURN_IF_ERROR(Check(seccomp_rule_add(filter.get(), SCMP_ACT_ERRNO(EPERM), SCMP_SYS(tgkill), 1,
                                                SCMP_A0(SCMP_CMP_NE, static_cast<scmp_datum_t>(::getpid()))),
                               "deny tgkill"));
  return Check(seccomp_load(filter.get()), "enforce the seccomp filter");
}

absl::Status Limit(__rlimit_resource_t resource, rlim_t value) {
  const rlimit limit{value, value};
  if (::setrlimit(resource, &limit) < 0) return ErrnoError(errno, "set a limit");
  return absl::OkStatus();
}

}  // namespace

absl::Status ConfineSelf(const std::vector<FileAccess>& files) {
  BANGER_RETURN_IF_ERROR(Limit(RLIMIT_CORE, 0));  // a core would hold the guest's memory
  BANGER_RETURN_IF_ERROR(Limit(RLIMIT_NOFILE, kMaxDescriptors));
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return ErrnoError(errno, "set no_new_privs");
  BANGER_RETURN_IF_ERROR(AllowOnlyFiles(files, LandlockScope::kAlone).status());
  return DenySystemCalls();
}

}  // namespace banger::vmd
