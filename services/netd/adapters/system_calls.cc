#include "services/netd/adapters/system_calls.h"

#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;  // reports need rights that netd does not
#else
constexpr bool kSanitized = false;
#endif

// Memory, the end, what libc does by itself; files that may be opened, a socket
// that is there.
constexpr char kBasic[] = R"(
  brk clock_gettime close exit exit_group fcntl fstat futex getpid getrandom gettid lseek madvise mmap mremap
  munmap newfstatat openat poll read recvfrom restart_syscall rseq rt_sigaction rt_sigprocmask rt_sigreturn
  sendto write
)";

constexpr char kOfDaemon[] = R"(
  clock_getres clock_nanosleep clone getcpu gettimeofday membarrier mprotect rt_sigtimedwait sched_getaffinity
  sched_getparam sched_getscheduler sched_yield set_robust_list sigaltstack sysinfo tgkill wait4
  getegid geteuid getgid getuid prctl prlimit64 uname
  access dup fchmod fdatasync fsync ftruncate getdents64 ioctl lstat pread64 pwrite64 readlink readv rename stat
  statx unlink writev
  epoll_create1 epoll_ctl epoll_pwait epoll_wait eventfd2 pipe2 ppoll timerfd_create timerfd_settime
  accept4 bind connect getpeername getsockname getsockopt listen recvmmsg recvmsg sendmmsg sendmsg setsockopt
  shutdown socket
)";

// Of the process that runs nft, of the dynamic loader, of nft.
constexpr char kOfNft[] = R"(
  chdir clone close_range dup2 dup3 execve kill pidfd_open pidfd_send_signal pipe2 vfork wait4 waitid
  access arch_prctl mprotect pread64 prlimit64 readlink set_robust_list set_tid_address stat statx
  bind eventfd2 getdents64 getegid geteuid getgid getsockname getsockopt getuid ioctl pselect6 recvmsg select sendmsg
  setsockopt socket sysinfo uname writev
)";

// When they find something, and at the end.
constexpr char kOfSanitizers[] = R"(
  access clock_nanosleep clone dup2 getdents getdents64 getppid getrlimit gettimeofday ioctl kill membarrier
  mprotect open personality pipe2 prctl prlimit64 process_vm_readv ptrace readlink readlinkat sched_getaffinity
  sched_yield set_robust_list setrlimit sigaltstack stat statx tgkill wait4
)";

struct Free {
  void operator()(void* filter) const { seccomp_release(filter); }
};

// Builds the filter of one role.
class Filter {
 public:
  explicit Filter(Role role) : role_(role), context_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {}

  absl::Status Load() {
    if (context_ == nullptr) return absl::ResourceExhaustedError("make a seccomp filter");
    for (const std::string& name : SystemCallsOf(role_)) BANGER_RETURN_IF_ERROR(AddByName(name));
    // Its flags are out of our sight; libc goes on with clone when there is none.
    BANGER_RETURN_IF_ERROR(
        Check(seccomp_rule_add(context_.get(), SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0), "hide clone3"));
    return Check(seccomp_load(context_.get()), "load the filter");
  }

 private:
  using Arguments = std::vector<scmp_arg_cmp>;

  static scmp_arg_cmp Equal(unsigned argument, scmp_datum_t value) {
    return {argument, SCMP_CMP_EQ, value, 0};
  }
  static scmp_arg_cmp Masked(unsigned argument, scmp_datum_t mask, scmp_datum_t value) {
    return {argument, SCMP_CMP_MASKED_EQ, mask, value};
  }

  // libseccomp answers the negated errno.
  static absl::Status Check(int result, const std::string& what) {
    return result == 0 ? absl::OkStatus() : ErrnoError(-result, absl::StrCat("seccomp: ", what));
  }

  absl::Status Add(const std::string& name, const Arguments& arguments = {}) {
    const int call = seccomp_syscall_resolve_name(name.c_str());
    // One that this architecture does not have, as its libc uses another.
    if (call == __NR_SCMP_ERROR || call < 0) return absl::OkStatus();
    return Check(seccomp_rule_add_array(context_.get(), SCMP_ACT_ALLOW, call,
                                        static_cast<unsigned>(arguments.size()), arguments.data()),
                 absl::StrCat("allow ", name));
  }

  absl::Status AddByName(const std::string& name) {
    if (name == "socket") return AddSockets();
    if (kSanitized) return Add(name);
    if (name == "clone") return AddClone();
    if (name == "ioctl") return AddOneOf(name, 1, Ioctls());
    if (name == "prctl") return AddOneOf(name, 0, {PR_SET_NAME});
    if (name == "prlimit64") return AddOneOf(name, 0, {0});
    if (name == "tgkill") return AddOneOf(name, 0, {static_cast<scmp_datum_t>(::getpid())});
    const bool maps = name == "mmap" || name == "mprotect";
    // No new code; the dynamic loader of nft has to map some.
    if (maps && role_ != Role::kNft) return Add(name, {Masked(2, PROT_EXEC, 0)});
    return Add(name);
  }

  absl::Status AddOneOf(const std::string& name, unsigned argument, const std::vector<scmp_datum_t>& values) {
    for (const scmp_datum_t value : values) BANGER_RETURN_IF_ERROR(Add(name, {Equal(argument, value)}));
    return absl::OkStatus();
  }

  // The daemon makes threads and no processes; nobody makes namespaces.
  absl::Status AddClone() {
    if (role_ == Role::kDaemon) return Add("clone", {Masked(0, CLONE_THREAD, CLONE_THREAD)});
    constexpr scmp_datum_t kNamespaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC |
                                         CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
    return Add("clone", {Masked(0, kNamespaces, 0)});
  }

  // The kernel reads requests as 32 bits.
  static std::vector<scmp_datum_t> Ioctls() {
    return {TUNSETIFF,     TUNGETIFF,    TUNSETOWNER, TUNSETPERSIST, TUNSETVNETHDRSZ,
            TUNSETOFFLOAD, SIOCGIFINDEX, FIONREAD,    FIONBIO,       TCGETS};
  }

  // No raw sockets but netlink's.
  absl::Status AddSockets() {
    if (role_ == Role::kDaemon) {
      for (const unsigned family : {AF_UNIX, AF_INET, AF_INET6})
        for (const unsigned type : {SOCK_STREAM, SOCK_DGRAM})
          BANGER_RETURN_IF_ERROR(Add("socket", {Equal(0, family), Masked(1, kTypeMask, type)}));
      BANGER_RETURN_IF_ERROR(AddNetlink(NETLINK_ROUTE));
    }
    return AddNetlink(NETLINK_NETFILTER);
  }
  absl::Status AddNetlink(unsigned protocol) {
    return Add("socket", {Equal(0, AF_NETLINK), Equal(2, protocol)});
  }

  static constexpr scmp_datum_t kTypeMask = 0xf;  // without SOCK_CLOEXEC and SOCK_NONBLOCK

  const Role role_;
  const std::unique_ptr<void, Free> context_;
};

}  // namespace

std::set<std::string> SystemCallsOf(Role role) {
  std::string calls = kBasic;
  if (role == Role::kDaemon) calls += kOfDaemon;
  if (role == Role::kNft) calls += kOfNft;
  if (kSanitized) calls += kOfSanitizers;
  return absl::StrSplit(calls, absl::ByAnyChar(" \n"), absl::SkipEmpty());
}

absl::Status AllowOnlySystemCalls(Role role) { return Filter(role).Load(); }

}  // namespace banger::netd
