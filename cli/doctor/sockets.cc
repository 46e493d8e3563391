#include "cli/doctor/sockets.h"

#include <sys/stat.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace banger::cli {
namespace fs = std::filesystem;
namespace {

std::string Mode(const struct stat& found) { return absl::StrFormat("%04o", found.st_mode & 07777); }

}  // namespace

Finding CheckSockets(const fs::path& socket) {
  struct stat found {};
  if (::stat(socket.c_str(), &found) != 0)
    return Failure("socket", absl::StrCat("'", socket.string(), "': ", std::strerror(errno)),
                   "sudo banger system restart");
  const std::string mode = Mode(found);
  if (!S_ISSOCK(found.st_mode) || (found.st_mode & 0007) != 0)
    return Failure("socket", absl::StrCat("'", socket.string(), "' is open to every user (mode ", mode, ")"),
                   absl::StrCat("sudo chmod 0660 '", socket.string(), "'"));
  struct stat directory {};
  if (::stat(socket.parent_path().c_str(), &directory) == 0 && (directory.st_mode & 0002) != 0)
    return Failure("socket",
                   absl::StrCat("everybody may put another one into '", socket.parent_path().string(), "'"),
                   absl::StrCat("sudo chmod o-w '", socket.parent_path().string(), "'"));
  for (const char* daemon : {"imaged", "kerneld", "vmd"}) {
    const fs::path other = socket.parent_path() / absl::StrCat(daemon, ".sock");
    if (::stat(other.c_str(), &found) == 0 && (found.st_mode & 0077) != 0)
      return Failure(
          "socket",
          absl::StrCat("'", other.string(), "' (mode ", Mode(found), ") lets others pass by the gateway"),
          absl::StrCat("sudo chmod 0600 '", other.string(), "'"));
  }
  return Pass("socket", absl::StrCat("'", socket.string(), "', mode ", mode));
}

}  // namespace banger::cli
