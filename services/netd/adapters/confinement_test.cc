// What netd's processes can still do once they are confined, tried from inside.
#include "services/netd/adapters/confinement.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"
#include "services/netd/adapters/helper_process.h"
#include "services/netd/adapters/nft_program.h"
#include "services/netd/adapters/resolv_conf.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

long Execute(const char* program) {
  char* const argv[] = {const_cast<char*>(program), nullptr};
  return ::execve(program, argv, argv + 1);
}

long Open(const std::string& path, int flags) {
  const int fd = ::open(path.c_str(), flags | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  return fd;
}

long Socket(int family, int type, int protocol) {
  const int fd = ::socket(family, type | SOCK_CLOEXEC, protocol);
  if (fd >= 0) ::close(fd);
  return fd;
}

long Fork() {
  const long pid = ::syscall(SYS_clone, SIGCHLD, nullptr, nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  if (pid > 0) ::waitpid(static_cast<pid_t>(pid), nullptr, 0);
  return pid;
}

long MakeThread() {
  pthread_t thread{};
  errno = ::pthread_create(
      &thread, nullptr, [](void* nothing) { return nothing; }, nullptr);
  return errno == 0 ? -::pthread_join(thread, nullptr) : -1;
}

long MapCode() {
  void* const code =
      ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return code == MAP_FAILED ? -1 : 0;
}

long MakeTap() {
  const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::strcpy(request.ifr_name, "tap-test");
  const long made = fd < 0 ? -1 : ::ioctl(fd, TUNSETIFF, &request);
  const int error = errno;
  ::close(fd);
  errno = error;
  return made;
}

long PushInput() {
  const char key = 'x';
  return ::ioctl(0, TIOCSTI, &key);
}

long ReadParentsMemory() {
  char byte = 0;
  iovec local{&byte, 1};
  iovec remote{&byte, 1};
  return ::syscall(SYS_process_vm_readv, ::getppid(), &local, 1, &remote, 1, 0);
}

// Each is tried in each role. "ok", or the name of the errno that it must end
// with; the roles are the daemon, nft's helper and the reader of resolv.conf.
struct Attempt {
  std::string what;
  std::function<long(const std::string& directory)> act;
  std::string daemon, nft, reader;
  bool sanitizers_need_it = false;
};

const std::vector<Attempt>& Attempts() {
  using Dir = const std::string&;
  static const auto* attempts = new std::vector<Attempt>{
      {"execute a program", [](Dir) { return Execute("/bin/true"); }, "EPERM", "EACCES", "EPERM"},
      {"execute nft by another name", [](Dir d) { return Execute((d + "/nft").c_str()); }, "EPERM", "EACCES",
       "EPERM"},
      {"make a process", [](Dir) { return Fork(); }, "EPERM", "ok", "EPERM", true},
      {"make a user namespace", [](Dir) { return long{::unshare(CLONE_NEWUSER)}; }, "EPERM", "EPERM",
       "EPERM"},
      {"make a process in a user namespace",
       [](Dir) { return ::syscall(SYS_clone, SIGCHLD | CLONE_NEWUSER, nullptr, nullptr, nullptr, nullptr); },
       "EPERM", "EPERM", "EPERM", true},
      {"enter a namespace", [](Dir) { return long{::setns(0, 0)}; }, "EPERM", "EPERM", "EPERM"},
      {"load a kernel module", [](Dir) { return ::syscall(SYS_init_module, nullptr, 0, ""); }, "EPERM",
       "EPERM", "EPERM"},
      {"load a kernel module by descriptor", [](Dir) { return ::syscall(SYS_finit_module, 0, "", 0); },
       "EPERM", "EPERM", "EPERM"},
      {"load a BPF program", [](Dir) { return ::syscall(SYS_bpf, 0, nullptr, 0); }, "EPERM", "EPERM",
       "EPERM"},
      {"trace", [](Dir) { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr); }, "EPERM", "EPERM",
       "EPERM", true},
      {"read another's memory", [](Dir) { return ReadParentsMemory(); }, "EPERM", "EPERM", "EPERM", true},
      {"signal another process", [](Dir) { return long{::kill(::getppid(), 0)}; }, "EPERM", "ok", "EPERM",
       true},
      {"mount", [](Dir d) { return long{::mount("none", d.c_str(), "tmpfs", 0, nullptr)}; }, "EPERM", "EPERM",
       "EPERM"},
      {"change the root", [](Dir d) { return long{::chroot(d.c_str())}; }, "EPERM", "EPERM", "EPERM"},
      {"use io_uring", [](Dir) { return ::syscall(SYS_io_uring_setup, 1, nullptr); }, "EPERM", "EPERM",
       "EPERM"},
      {"use the keyring", [](Dir) { return ::syscall(SYS_keyctl, 0, 0, 0, 0, 0); }, "EPERM", "EPERM",
       "EPERM"},
      {"map new code", [](Dir) { return MapCode(); }, "EPERM", "ok", "EPERM", true},
      {"type into a terminal", [](Dir) { return PushInput(); }, "EPERM", "EPERM", "EPERM", true},
      {"become another user", [](Dir) { return ::syscall(SYS_setuid, 1); }, "EPERM", "EPERM", "EPERM"},
      {"change a file's mode", [](Dir) { return long{::chmod("/etc/passwd", 0644)}; }, "EPERM", "EPERM",
       "EPERM"},
      {"change a file's owner", [](Dir d) { return long{::chown(d.c_str(), 1, 1)}; }, "EPERM", "EPERM",
       "EPERM"},
      {"make a link", [](Dir d) { return long{::symlink("/etc", (d + "/etc").c_str())}; }, "EPERM", "EPERM",
       "EPERM"},
      {"cut a file", [](Dir d) { return long{::truncate((d + "/own").c_str(), 0)}; }, "EPERM", "EPERM",
       "EPERM"},
      {"open a raw socket", [](Dir) { return Socket(AF_INET, SOCK_RAW, 255); }, "EPERM", "EPERM", "EPERM"},
      {"open a packet socket", [](Dir) { return Socket(AF_PACKET, SOCK_RAW, 0); }, "EPERM", "EPERM", "EPERM"},
      {"open a vsock", [](Dir) { return Socket(AF_VSOCK, SOCK_STREAM, 0); }, "EPERM", "EPERM", "EPERM"},
      {"hear the kernel's audit", [](Dir) { return Socket(AF_NETLINK, SOCK_RAW, 9); }, "EPERM", "EPERM",
       "EPERM"},
      {"open a TCP socket", [](Dir) { return Socket(AF_INET, SOCK_STREAM, 0); }, "ok", "EPERM", "EPERM"},
      {"open a Unix socket", [](Dir) { return Socket(AF_UNIX, SOCK_STREAM, 0); }, "ok", "EPERM", "EPERM"},
      {"ask for routes", [](Dir) { return Socket(AF_NETLINK, SOCK_RAW, 0); }, "ok", "EPERM", "EPERM"},
      {"ask for rules", [](Dir) { return Socket(AF_NETLINK, SOCK_RAW, 12); }, "ok", "ok", "EPERM"},
      {"make a thread", [](Dir) { return MakeThread(); }, "ok", "ok", "EPERM", true},
      {"make a tap", [](Dir) { return MakeTap(); }, "ok", "EACCES", "EACCES", true},
      {"read the passwords", [](Dir) { return Open("/etc/shadow", O_RDONLY); }, "EACCES", "EACCES", "ok"},
      {"read root's home", [](Dir) { return Open("/root", O_RDONLY | O_DIRECTORY); }, "EACCES", "EACCES",
       "EACCES"},
      {"read the homes", [](Dir) { return Open("/home", O_RDONLY | O_DIRECTORY); }, "EACCES", "EACCES",
       "EACCES"},
      {"write the passwords", [](Dir) { return Open("/etc/passwd", O_WRONLY); }, "EACCES", "EACCES",
       "EACCES"},
      {"read a library", [](Dir) { return Open("/usr/lib/os-release", O_RDONLY); }, "EACCES", "ok", "EACCES"},
      {"make a file elsewhere", [](Dir) { return Open("/tmp/banger-confinement", O_WRONLY | O_CREAT); },
       "EACCES", "EACCES", "EACCES"},
      {"make a file of its own", [](Dir d) { return Open(d + "/own", O_WRONLY | O_CREAT); }, "ok", "EACCES",
       "EACCES"},
      {"read the kernel's log", [](Dir) { return Open("/dev/kmsg", O_RDONLY); }, "EACCES", "EACCES",
       "EACCES"},
      {"set forwarding", [](Dir) { return Open("/proc/sys/net/ipv4/conf/lo/forwarding", O_WRONLY); }, "ok",
       "EACCES", "EACCES"},
      {"set another sysctl", [](Dir) { return Open("/proc/sys/kernel/core_pattern", O_WRONLY); }, "EACCES",
       "EACCES", "EACCES"},
  };
  return *attempts;
}

std::string Try(const std::string& what, const std::string& directory) {
  for (const Attempt& attempt : Attempts()) {
    if (attempt.what != what) continue;
    errno = 0;
    if (attempt.act(directory) >= 0) return "ok";
    const char* const name = ::strerrorname_np(errno);
    return name != nullptr ? name : absl::StrCat(errno);
  }
  return "unknown";
}

class ConfinementTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    if (::syscall(SYS_landlock_create_ruleset, nullptr, 0, 1) < 0) GTEST_SKIP() << "needs Landlock";
    std::filesystem::copy_file(kNft, directory_.path() / "nft");
  }

  // Tries all of it within a process that is confined so.
  void TryAll(const std::function<absl::Status()>& confine, std::string Attempt::*expected) {
    const std::string directory = directory_.path().string();
    for (const Attempt& attempt : Attempts()) {
      if (kSanitized && attempt.sanitizers_need_it) continue;
      // A process for each: one that may do it does not carry over to the next.
      ASSERT_OK_AND_ASSIGN(
          const auto inside,
          HelperProcess::Start(
              {.name = "confined", .confine = confine, .serve = [&](const HelperProcess::Message& question) {
                 return HelperProcess::Message{Try(question.front(), directory)};
               }}));
      EXPECT_THAT(inside->Ask({attempt.what}), IsOkAndHolds(ElementsAre(attempt.*expected))) << attempt.what;
    }
  }

  static std::string StatusOf(pid_t pid) { return *ReadFile(absl::StrCat("/proc/", pid, "/status")); }

  static constexpr char kNft[] = "/usr/sbin/nft";
  TempDir directory_ = *TempDir::Create();
};

TEST_F(ConfinementTest, TheDaemonMakesTapsAndThreadsAndLittleElse) {
  TryAll([this] { return ConfineDaemon(directory_.path()).status(); }, &Attempt::daemon);
}

TEST_F(ConfinementTest, TheHelperForNftExecutesItAndNothingElse) {
  TryAll([] { return ConfineNft(kNft); }, &Attempt::nft);
}

TEST_F(ConfinementTest, TheReaderOfResolvConfReadsAndDoesNothingElse) {
  TryAll([] { return ConfineReader("/etc/resolv.conf"); }, &Attempt::reader);
}

// Else the others could say "EPERM" for a reason of their own.
TEST_F(ConfinementTest, WithoutItTheSameThingsWork) {
  const std::string directory = directory_.path().string();
  for (const char* what :
       {"make a process", "make a user namespace", "map new code", "become another user",
        "change a file's owner", "make a link", "open a raw socket", "open a packet socket",
        "read the passwords", "read root's home", "read a library", "make a file of its own", "cut a file",
        "read the kernel's log", "set another sysctl"}) {
    ASSERT_OK_AND_ASSIGN(
        const auto inside,
        HelperProcess::Start({.name = "free",
                              .confine = [] { return absl::OkStatus(); },
                              .serve =
                                  [&](const HelperProcess::Message& question) {
                                    return HelperProcess::Message{Try(question.front(), directory)};
                                  }}));
    EXPECT_THAT(inside->Ask({what}), IsOkAndHolds(ElementsAre("ok"))) << what;
  }
}

TEST_F(ConfinementTest, EachHasOnlyTheCapabilitiesThatAreDocumented) {
  const auto status = [](const std::function<absl::Status()>& confine) {
    const auto helper = HelperProcess::Start(
        {.name = "confined", .confine = confine, .serve = [](const auto& question) { return question; }});
    EXPECT_OK(helper);
    return StatusOf((*helper)->pid());
  };
  constexpr char kNone[] = "0000000000000000";
  constexpr char kNetAdmin[] = "0000000000001000";
  const auto has = [](const char* effective, const char* bounding) {
    return AllOf(
        HasSubstr(absl::StrCat("CapPrm:\t", effective)), HasSubstr(absl::StrCat("CapEff:\t", effective)),
        HasSubstr(absl::StrCat("CapBnd:\t", bounding)), HasSubstr("CapInh:\t0000000000000000"),
        HasSubstr("CapAmb:\t0000000000000000"), HasSubstr("NoNewPrivs:\t1"), HasSubstr("Seccomp:\t2"));
  };
  EXPECT_THAT(status([this] { return ConfineDaemon(directory_.path()).status(); }), has(kNetAdmin, kNone));
  EXPECT_THAT(status([] { return ConfineNft(kNft); }), has(kNetAdmin, kNetAdmin));
  EXPECT_THAT(status([] { return ConfineReader("/etc/resolv.conf"); }), has(kNone, kNone));
}

TEST_F(ConfinementTest, NftIsRunAndItsWordsComeBack) {
  ASSERT_OK_AND_ASSIGN(const NftProgram nft, NftProgram::Start());
  ASSERT_OK(nft.Execute("add table inet mine { comment \"of a test\"; }\n"));
  EXPECT_THAT(nft.Query({"list", "table", "inet", "mine"}), IsOkAndHolds(HasSubstr("of a test")));
  EXPECT_THAT(nft.Query({"list", "table", "inet", "others"}), StatusIs(absl::StatusCode::kNotFound));
  const absl::Status wrong = nft.Execute("add nonsense\n");
  EXPECT_THAT(wrong, StatusIs(absl::StatusCode::kInternal, HasSubstr("syntax error")));
  // Its language has files in it; they are out of its reach.
  const absl::Status included = nft.Execute("include \"/etc/shadow\"\n");
  EXPECT_THAT(included, Not(IsOk()));
  EXPECT_THAT(std::string(included.message()), Not(HasSubstr("root:")));
}

TEST_F(ConfinementTest, ResolvConfIsReadAlsoAfterItWasReplaced) {
  const auto file = directory_.path() / "resolv.conf";
  ASSERT_OK(WriteFileAtomically(file, "nameserver 192.0.2.1\n"));
  ASSERT_OK_AND_ASSIGN(const auto reader, ResolvConf::Start(file));
  EXPECT_THAT(reader->Read(), IsOkAndHolds("nameserver 192.0.2.1\n"));
  ASSERT_OK(WriteFileAtomically(file, "nameserver 192.0.2.2\n"));
  EXPECT_THAT(reader->Read(), IsOkAndHolds("nameserver 192.0.2.2\n"));
  std::filesystem::remove(file);
  EXPECT_THAT(reader->Read(), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace banger::netd
