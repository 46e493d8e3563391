#include "services/agent/adapters/identity.h"

#include <fcntl.h>
#include <linux/random.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <thread>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/exec_vector.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/in_root.h"
#include "services/agent/core/guest_paths.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

constexpr char kParameter[] = "banger.vm=";
// Holds the uid of the VM whose identity this is.
constexpr char kMark[] = "etc/.banger-machine-id";
constexpr char kHostKey[] = "/etc/ssh/ssh_host_ed25519_key";

const std::vector<std::string>& MakeHostKey() {
  static const std::vector<std::string> argv = {
      "/usr/bin/ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", kHostKey};
  return argv;
}

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(fs::symlink_status(path, error));
}

absl::Status Replace(const fs::path& path, const std::string& content, unsigned mode) {
  BANGER_RETURN_IF_ERROR(MakeDirectories(path.parent_path(), 0755));
  return WriteFileAtomically(path, content, mode);
}

void RemoveHostKeys(const fs::path& root) {
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(root / "etc/ssh", error))
    if (entry.path().filename().string().rfind("ssh_host_", 0) == 0) ::unlink(entry.path().c_str());
  const absl::StatusOr<fs::path> ours = ResolveInRoot(root, fs::path(kSshHostKeyDir) / kSshHostKeyName);
  if (ours.ok()) ::unlink(ours->c_str());
}

// systemd makes an id for an empty file.
absl::Status SetMachineId(const fs::path& root) {
  char random[16];
  if (::getrandom(random, sizeof random, 0) != sizeof random) return ErrnoError(errno, "get random bytes");
  const std::string id = absl::StrCat(absl::BytesToHexString(absl::string_view(random, sizeof random)), "\n");
  BANGER_RETURN_IF_ERROR(Replace(root / "etc/machine-id", id, 0444));
  // D-Bus keeps its own, unless that is a link to the one in /etc.
  const fs::path dbus = root / "var/lib/dbus/machine-id";
  std::error_code error;
  return fs::is_regular_file(fs::symlink_status(dbus, error)) ? Replace(dbus, id, 0444) : absl::OkStatus();
}

void RestartSshServer() {
  // The new keys' unit comes before sshd's.
  for (const std::vector<std::string>& verb :
       {std::vector<std::string>{"restart", "banger-ssh-keys.service"},
        std::vector<std::string>{"try-restart", "ssh.service", "sshd.service"}}) {
    std::vector<std::string> argv = {"/usr/bin/systemctl", "--no-block"};
    argv.insert(argv.end(), verb.begin(), verb.end());
    RunCommand({.argv = argv}).IgnoreError();
  }
}

}  // namespace

std::string VmUidOfBoot() {
  const absl::StatusOr<std::string> line = ReadFile("/proc/cmdline", 64 << 10);
  if (!line.ok()) return "";
  for (absl::string_view word : absl::StrSplit(absl::StripAsciiWhitespace(*line), ' '))
    if (absl::ConsumePrefix(&word, kParameter)) return std::string(word);
  return "";
}

absl::StatusOr<bool> TakeIdentity(const std::string& vm_uid, const fs::path& root) {
  const fs::path mark = root / kMark;
  const absl::StatusOr<std::string> owner = ReadFile(mark);
  if (owner.ok() && (vm_uid.empty() || *owner == vm_uid)) return false;
  BANGER_RETURN_IF_ERROR(SetMachineId(root));
  RemoveHostKeys(root);
  BANGER_RETURN_IF_ERROR(Replace(mark, vm_uid, 0600));
  return true;
}

// With an sshd only: clients have ssh-keygen as well.
bool HasOwnSshServer(const fs::path& root) {
  const bool sshd = Exists(root / "usr/sbin/sshd") || Exists(root / "usr/bin/sshd");
  return sshd && Exists(root / "usr/bin/ssh-keygen") && Exists(root / "etc/ssh");
}

void StartHostKeys() {
  if (!HasOwnSshServer("/") || Exists(kHostKey) || ::fork() != 0) return;
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  ::execv(MakeHostKey()[0].c_str(), ExecVector(MakeHostKey()).data());
  ::_exit(127);
}

void RenewRunningHostKeys() {
  if (!HasOwnSshServer("/")) return;
  std::thread([] {
    if (Exists("/run/systemd/system")) return RestartSshServer();
    if (!Exists(kHostKey)) RunCommand({.argv = MakeHostKey()}).IgnoreError();
  }).detach();
}

absl::Status Reseed(absl::string_view entropy) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd random, OpenFile("/dev/urandom", O_RDWR));
  constexpr std::size_t kMax = 512;
  const std::size_t size = std::min(entropy.size(), kMax);
  alignas(rand_pool_info) char buffer[sizeof(rand_pool_info) + kMax] = {};
  auto& pool = *reinterpret_cast<rand_pool_info*>(buffer);
  pool.entropy_count = static_cast<int>(size * 8);
  pool.buf_size = static_cast<int>(size);
  std::memcpy(pool.buf, entropy.data(), size);
  if (::ioctl(random.get(), RNDADDENTROPY, &pool) < 0 || ::ioctl(random.get(), RNDRESEEDCRNG) < 0)
    return ErrnoError(errno, "reseed the random generator");
  return absl::OkStatus();
}

}  // namespace banger::agent
