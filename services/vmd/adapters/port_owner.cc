#include "services/vmd/adapters/port_owner.h"

#include <pwd.h>

#include <filesystem>
#include <system_error>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"

namespace banger::vmd {
namespace {

namespace fs = std::filesystem;

struct Socket {
  std::string inode;
  uid_t uid = 0;
};

// A line of /proc/net/tcp: "0: 0100007F:1F90 00000000:0000 0A ... uid timeout inode".
bool Find(const std::string& file, const PublishedPort& port, Socket* found) {
  const absl::StatusOr<std::string> table = ReadFile(file);
  if (!table.ok()) return false;
  const std::string local_port = absl::StrFormat(":%04X", port.host_port);
  // Listening, or with UDP not connected.
  const std::string state = port.protocol == PortProtocol::kTcp ? "0A" : "07";
  for (const absl::string_view line : absl::StrSplit(*table, '\n')) {
    const std::vector<std::string> field = absl::StrSplit(line, ' ', absl::SkipEmpty());
    if (field.size() < 10 || !absl::EndsWith(field[1], local_port) || field[3] != state) continue;
    found->inode = field[9];
    return absl::SimpleAtoi(field[7], &found->uid);
  }
  return false;
}

bool HasDescriptor(const fs::path& process, const std::string& link) {
  std::error_code error;
  for (fs::directory_iterator fd(process / "fd", error), end; !error && fd != end; fd.increment(error)) {
    std::error_code ignored;
    if (fs::read_symlink(fd->path(), ignored) == link) return true;
  }
  return false;
}

}  // namespace

std::string FindPortOwner(const PublishedPort& port) {
  const std::string protocol = port.protocol == PortProtocol::kTcp ? "tcp" : "udp";
  Socket socket;
  if (!Find("/proc/net/" + protocol, port, &socket) && !Find("/proc/net/" + protocol + "6", port, &socket))
    return "another program";
  const std::string link = absl::StrCat("socket:[", socket.inode, "]");
  std::error_code error;
  for (fs::directory_iterator process("/proc", error), end; !error && process != end;
       process.increment(error)) {
    const std::string pid = process->path().filename();
    if (pid.find_first_not_of("0123456789") != std::string::npos || !HasDescriptor(process->path(), link))
      continue;
    const std::string name = ReadFile(process->path() / "comm").value_or("a program");
    return absl::StrCat(absl::StripSuffix(name, "\n"), " (pid ", pid, ")");
  }
  const passwd* user = ::getpwuid(socket.uid);
  return absl::StrCat("a program of user '", user != nullptr ? user->pw_name : absl::StrCat(socket.uid), "'");
}

}  // namespace banger::vmd
