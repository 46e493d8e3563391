// banger-initrd: /init of the initrd that kerneld makes for kernels whose
// virtio drivers are modules. Loads what /modules.list names, mounts root= from
// the kernel command line read-only, makes it the root and runs init= there.
//
// /modules.list has one module a line, in load order: the path of the .ko file,
// then optionally its parameters. Kernel command line: root=/dev/vda,
// rootfstype=ext4, init=/banger-agent; other arguments go on to init.
//
// Static and without the C++ library's streams: it is unpacked at every boot.
// Whatever fails is named on the console; then the kernel panics, which ends
// the VM (panic=-1).
#include <dirent.h>
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <initializer_list>

namespace {

constexpr int kRootTimeoutMs = 10000;
constexpr char kModules[] = "/modules.list";
constexpr char kNewRoot[] = "/newroot";

// To the kernel's log, which reaches the console also where /dev/console is missing.
__attribute__((format(printf, 1, 2))) void Log(const char* format, ...) {
  char line[512];
  int size = std::snprintf(line, sizeof line, "<3>banger-initrd: ");
  va_list arguments;
  va_start(arguments, format);
  size += std::vsnprintf(line + size, sizeof line - static_cast<std::size_t>(size), format, arguments);
  va_end(arguments);
  const int fd = ::open("/dev/kmsg", O_WRONLY | O_CLOEXEC);
  const char* text = fd >= 0 ? line : line + 3;
  [[maybe_unused]] const ssize_t n = ::write(fd >= 0 ? fd : 2, text, std::strlen(text));
  if (fd >= 0) ::close(fd);
}

[[noreturn]] void Fail(const char* what, const char* on) {
  Log("%s '%s': %s", what, on, std::strerror(errno));
  ::_exit(1);
}

void MountApi(const char* type, const char* on) {
  ::mkdir(on, 0755);
  if (::mount(type, on, type, MS_NOSUID, nullptr) < 0 && errno != EBUSY) Fail("mount", on);
}

void LoadModule(char* line) {
  char* parameters = std::strchr(line, ' ');
  if (parameters != nullptr) *parameters++ = '\0';
  const int fd = ::open(line, O_RDONLY | O_CLOEXEC);
  if (fd < 0) Fail("open module", line);
  // A module that does not load may be one that this machine does not need.
  if (::syscall(SYS_finit_module, fd, parameters != nullptr ? parameters : "", 0) < 0 && errno != EEXIST)
    Log("load module '%s': %s", line, std::strerror(errno));
  ::close(fd);
  ::unlink(line);  // its memory is the initrd's
}

void LoadModules() {
  std::FILE* list = std::fopen(kModules, "re");
  if (list == nullptr) Fail("open", kModules);
  char line[512];
  while (std::fgets(line, sizeof line, list) != nullptr) {
    line[std::strcspn(line, "\n")] = '\0';
    if (line[0] != '\0') LoadModule(line);
  }
  std::fclose(list);
  ::unlink(kModules);
}

// The value of the last "key=value" in the command line, or `fallback`.
const char* Option(const char* command_line, const char* key, const char* fallback) {
  const std::size_t size = std::strlen(key);
  const char* value = fallback;
  const char* at = command_line;
  while (*at != '\0') {
    at += std::strspn(at, " \n");
    const std::size_t length = std::strcspn(at, " \n");
    if (length > size && std::strncmp(at, key, size) == 0 && at[size] == '=')
      value = ::strndup(at + size + 1, length - size - 1);
    at += length;
  }
  return value;
}

void NameBlockDevices() {
  DIR* dir = ::opendir("/sys/class/block");
  for (const dirent* entry; dir != nullptr && (entry = ::readdir(dir)) != nullptr;) {
    if (entry->d_name[0] != '.') Log("block device here: %s", entry->d_name);
  }
}

void WaitForDevice(const char* device) {
  struct stat info;
  for (int waited = 0; ::stat(device, &info) < 0 || !S_ISBLK(info.st_mode); waited += 2) {
    if (waited >= kRootTimeoutMs) {
      NameBlockDevices();
      errno = ENODEV;
      Fail("wait 10 s for root=", device);
    }
    ::usleep(2000);
  }
}

void SwitchRoot() {
  for (const char* dir : {"/dev", "/proc", "/sys"}) {
    char target[32];
    std::snprintf(target, sizeof target, "%s%s", kNewRoot, dir);
    if (::mount(dir, target, nullptr, MS_MOVE, nullptr) < 0) Fail("move mount to", target);
  }
  ::unlink("/init");
  if (::chdir(kNewRoot) < 0 || ::mount(".", "/", nullptr, MS_MOVE, nullptr) < 0 || ::chroot(".") < 0 ||
      ::chdir("/") < 0)
    Fail("switch to", kNewRoot);
}

}  // namespace

int main(int, char** argv) {
  MountApi("devtmpfs", "/dev");
  MountApi("proc", "/proc");
  MountApi("sysfs", "/sys");
  LoadModules();

  char command_line[4096] = {};
  const int fd = ::open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  if (fd < 0 || ::read(fd, command_line, sizeof command_line - 1) < 0) Fail("read", "/proc/cmdline");
  ::close(fd);
  const char* root = Option(command_line, "root", "/dev/vda");
  const char* type = Option(command_line, "rootfstype", "ext4");
  const char* init = Option(command_line, "init", "/banger-agent");

  WaitForDevice(root);
  ::mkdir(kNewRoot, 0755);
  if (::mount(root, kNewRoot, type, MS_RDONLY, nullptr) < 0) Fail("mount", root);
  SwitchRoot();
  argv[0] = const_cast<char*>(init);
  ::execv(init, argv);
  Fail("run init=", init);
}
