#include "services/agent/adapters/mounts.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

bool IsMountPoint(const fs::path& path) {
  struct stat here {};
  struct stat parent {};
  return ::stat(path.c_str(), &here) == 0 && ::stat((path / "..").c_str(), &parent) == 0 &&
         here.st_dev != parent.st_dev;
}

}  // namespace

absl::Status DoMount(const Mount& mount) {
  BANGER_RETURN_IF_ERROR(MakeDirectories(mount.target, 0755));
  if (::mount(mount.source.c_str(), mount.target.c_str(), mount.type.c_str(), mount.flags,
              mount.options.c_str()) < 0)
    return ErrnoError(
        errno, absl::StrCat("mount ", mount.type, " '", mount.source, "' at '", mount.target.string(), "'"));
  return absl::OkStatus();
}

absl::Status MountOnce(const Mount& mount) {
  return IsMountPoint(mount.target) ? absl::OkStatus() : DoMount(mount);
}

absl::Status BindMount(const fs::path& from, const fs::path& to) {
  struct stat info {};
  if (::stat(from.c_str(), &info) < 0) return ErrnoError(errno, absl::StrCat("bind '", from.string(), "'"));
  BANGER_RETURN_IF_ERROR(MakeDirectories(S_ISDIR(info.st_mode) ? to : to.parent_path(), 0755));
  if (!S_ISDIR(info.st_mode))
    BANGER_RETURN_IF_ERROR(OpenFile(to, O_WRONLY | O_CREAT, info.st_mode & 0777).status());
  if (::mount(from.c_str(), to.c_str(), nullptr, MS_BIND, nullptr) < 0)
    return ErrnoError(errno, absl::StrCat("bind '", from.string(), "' to '", to.string(), "'"));
  return absl::OkStatus();
}

absl::Status MoveMount(const fs::path& from, const fs::path& to) {
  BANGER_RETURN_IF_ERROR(MakeDirectories(to, 0755));
  if (::mount(from.c_str(), to.c_str(), nullptr, MS_MOVE, nullptr) < 0)
    return ErrnoError(errno, absl::StrCat("move mount '", from.string(), "' to '", to.string(), "'"));
  return absl::OkStatus();
}

}  // namespace banger::agent
