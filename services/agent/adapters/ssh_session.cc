#include "services/agent/adapters/ssh_session.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/exec_vector.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/agent/adapters/guest_tools.h"
#include "services/agent/adapters/in_root.h"
#include "services/agent/core/environment.h"
#include "services/agent/core/guest_paths.h"
#include "services/agent/core/ssh.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

constexpr char kKeysDir[] = "/run/banger/ssh";
// What may be under way unacknowledged; dropbear's own is 24 KiB.
constexpr char kWindow[] = "2097152";

absl::Status MakeHostKey(const fs::path& path) {
  return RunCommandOk({.argv = GuestTool("dropbearkey", {"-t", "ed25519", "-f", path.string()})}).status();
}

// One directory for each key that anybody came with: made once, the same for all who
// come with it, and nobody's to clean up. /run is memory of the guest.
absl::StatusOr<fs::path> HomeWithKey(const std::string& line) {
  const fs::path home = fs::path(kKeysDir) / absl::StrCat(absl::Hex(std::hash<std::string>{}(line)));
  const fs::path file = home / ".ssh/authorized_keys";
  BANGER_RETURN_IF_ERROR(MakeDirectories(file.parent_path(), 0755));
  const absl::StatusOr<std::string> there = ReadFile(file);
  // dropbear reads it as the user who logs in.
  if (!there.ok() || *there != line) BANGER_RETURN_IF_ERROR(WriteFileAtomically(file, line, 0644));
  return home;
}

Environment DropbearEnvironment(const fs::path& home) {
  Environment env = Disguise(OwnEnvironment());
  env.push_back(absl::StrCat("PATH=", kDefaultPath));
  env.push_back(absl::StrCat(kSshKeys, "=", home.string()));
  return env;
}

// Until the end of what `from` gives. Not splice(2): while it waits for a socket it keeps
// others from reading the pipe.
void Pump(int from, int to) {
  std::vector<char> buffer(256 << 10);
  for (;;) {
    const ssize_t n = ::read(from, buffer.data(), buffer.size());
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0 || !WriteFully(to, absl::string_view(buffer.data(), static_cast<std::size_t>(n))).ok()) return;
  }
}

}  // namespace

absl::StatusOr<fs::path> HostKey(const fs::path& directory,
                                 const std::function<absl::Status(const fs::path&)>& make) {
  const fs::path key = directory / kSshHostKeyName;
  std::error_code error;
  if (fs::exists(key, error)) return key;
  BANGER_RETURN_IF_ERROR(MakeDirectories(directory, 0755));
  BANGER_ASSIGN_OR_RETURN(const TempDir staging, TempDir::Create(directory));
  const fs::path made = staging.path() / "made";
  BANGER_RETURN_IF_ERROR(make(made));
  BANGER_ASSIGN_OR_RETURN(const std::string content, ReadFile(made));
  // Whole on the disk before it has its name, which stays with who is first.
  const fs::path whole = staging.path() / "key";
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(whole, content, 0600));
  if (::link(whole.c_str(), key.c_str()) < 0 && errno != EEXIST)
    return ErrnoError(errno, absl::StrCat("create '", key.string(), "'"));
  BANGER_RETURN_IF_ERROR(SyncDirectory(directory));
  return key;
}

absl::Status ServeSsh(absl::string_view public_key) {
  BANGER_ASSIGN_OR_RETURN(const std::string line, AuthorizedKey(public_key));
  BANGER_ASSIGN_OR_RETURN(const fs::path home, HomeWithKey(line));
  BANGER_ASSIGN_OR_RETURN(const fs::path key_dir, DirectoryInRoot("/", kSshHostKeyDir));
  BANGER_ASSIGN_OR_RETURN(const fs::path host_key, HostKey(key_dir, MakeHostKey));
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0)
    return ErrnoError(errno, "create a socket pair");
  const UniqueFd ours(ends[0]);
  UniqueFd theirs(ends[1]);
  // inetd mode, no passwords, the environment handed on, no QoS on what is no network.
  BANGER_ASSIGN_OR_RETURN(
      Subprocess dropbear,
      Subprocess::Start(
          {.argv = GuestTool("dropbear", {"-i", "-s", "-e", "-z", "-W", kWindow, "-r", host_key.string()}),
           .env = DropbearEnvironment(home),
           .working_dir = "/",
           .stdin_fd = theirs.get(),
           .stdout_fd = theirs.get()}));
  theirs.Reset();
  ::signal(SIGPIPE, SIG_IGN);
  std::thread up([fd = ours.get()] {
    Pump(STDIN_FILENO, fd);
    ::shutdown(fd, SHUT_WR);
  });
  Pump(ours.get(), STDOUT_FILENO);
  // A client that reads no more is as good as gone.
  ::shutdown(ours.get(), SHUT_RDWR);
  const absl::StatusOr<ExitStatus> ended = dropbear.Wait();
  // It may wait for a stdin that nobody closes; the process ends with us.
  up.detach();
  return ended.status();
}

}  // namespace banger::agent
