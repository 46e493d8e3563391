// vmm_probe ATTEMPT ARGUMENT...: what a VMM that its guest has taken over can do.
// Run in a VMM's place; says of each attempt "ATTEMPT ARGUMENT: ok" or the errno.
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <map>
#include <string>

namespace {

long Open(const char* path, int flags) {
  const int fd = ::open(path, flags | O_CLOEXEC, 0600);
  if (fd >= 0) ::close(fd);
  return fd;
}

long List(const char* path) {
  DIR* const directory = ::opendir(path);
  if (directory != nullptr) ::closedir(directory);
  return directory != nullptr ? 0 : -1;
}

long Connect(const char* path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path, sizeof address.sun_path - 1);
  return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
}

// Is ended by the kernel when it may not have so much.
long UseMemory(const char* mib) {
  const std::size_t size = std::strtoul(mib, nullptr, 10) << 20;
  char* const memory = static_cast<char*>(std::malloc(size));
  for (std::size_t at = 0; at < size; at += 4096) *static_cast<volatile char*>(memory + at) = 1;
  return 0;
}

long Wait(const char*) {
  for (;;) ::pause();
}

// "inet", "netlink" or "datagram": those that reach somebody without connect.
long MakeSocket(const char* kind) {
  if (std::strcmp(kind, "inet") == 0) return ::socket(AF_INET, SOCK_DGRAM, 0);
  if (std::strcmp(kind, "netlink") == 0) return ::socket(AF_NETLINK, SOCK_RAW, 0);
  int pair[2];
  return ::socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
}

// Not by clone3, which libc hides when it fails.
long Clone(const char* flags) {
  const long pid = ::syscall(SYS_clone, std::strcmp(flags, "userns") == 0 ? CLONE_NEWUSER : SIGCHLD, nullptr,
                             nullptr, nullptr, nullptr);
  if (pid == 0) ::_exit(0);
  return pid;
}

// To give a process a signal by what happens to a descriptor.
long OwnDescriptor(const char* pid) {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0) return 0;
  return ::fcntl(pair[0], F_SETOWN, std::atoi(pid));
}

long LimitOther(const char* pid) {
  const rlimit none{0, 0};
  return ::prlimit(std::atoi(pid), RLIMIT_CORE, &none, nullptr);
}

long ChangeModesAnew(const char* path) {
  constexpr long kFchmodat2 = 452;
  return ::syscall(kFchmodat2, AT_FDCWD, path, 0777, 0);
}

long Execute(const char* program) {
  char* const argv[] = {const_cast<char*>(program), nullptr};
  return ::execve(program, argv, argv + 1);
}

// What must hold without an attempt: 0, or an errno that says what does not.
long CheckSelf(const char*) {
  errno = ESRCH;
  if (::getsid(0) != ::getpid()) return -1;
  errno = EPERM;
  if (::prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || ::prctl(PR_GET_SECCOMP) != 2) return -1;
  rlimit core{};
  errno = EFBIG;
  if (::getrlimit(RLIMIT_CORE, &core) != 0 || core.rlim_max != 0) return -1;
  __user_cap_header_struct header{.version = _LINUX_CAPABILITY_VERSION_3, .pid = 0};
  __user_cap_data_struct capabilities[_LINUX_CAPABILITY_U32S_3] = {};
  errno = EACCES;
  if (::syscall(SYS_capget, &header, capabilities) != 0 || capabilities[0].permitted != 0 ||
      capabilities[1].permitted != 0)
    return -1;
  errno = EMFILE;
  for (int fd = 3; fd < 256; ++fd)
    if (::fcntl(fd, F_GETFD) >= 0) return -1;
  return 0;
}

const std::map<std::string, std::function<long(const char*)>>& Attempts() {
  static const auto* attempts = new std::map<std::string, std::function<long(const char*)>>{
      {"self", CheckSelf},
      {"read", [](const char* path) { return Open(path, O_RDONLY); }},
      {"write", [](const char* path) { return Open(path, O_RDWR); }},
      {"make", [](const char* path) { return Open(path, O_RDWR | O_CREAT | O_EXCL); }},
      {"truncate", [](const char* path) { return long{::truncate(path, 0)}; }},
      {"chmod", [](const char* path) { return long{::chmod(path, 0777)}; }},
      {"remove", [](const char* path) { return long{::unlink(path)}; }},
      {"list", List},
      {"chmod-anew", ChangeModesAnew},
      {"connect", Connect},
      {"socket", MakeSocket},
      {"clone", Clone},
      {"execute", Execute},
      {"use-memory", UseMemory},
      {"wait", Wait},
      {"own", OwnDescriptor},
      {"limit", LimitOther},
      {"kill", [](const char* pid) { return long{::kill(std::atoi(pid), 0)}; }},
      {"trace", [](const char* pid) { return ::ptrace(PTRACE_ATTACH, std::atoi(pid), nullptr, nullptr); }},
  };
  return *attempts;
}

}  // namespace

int main(int argc, char** argv) {
  for (int i = 1; i + 1 < argc; i += 2) {
    const bool done = Attempts().at(argv[i])(argv[i + 1]) >= 0;
    std::printf("%s %s: %s\n", argv[i], argv[i + 1], done ? "ok" : ::strerrorname_np(errno));
    std::fflush(stdout);
  }
  return 0;
}
