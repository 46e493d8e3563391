#include "services/agent/adapters/copy_tree.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cerrno>
#include <cstring>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::agent {
namespace fs = std::filesystem;
namespace {

absl::Status Error(const char* what, const fs::path& path) {
  return ErrnoError(errno, absl::StrCat(what, " '", path.string(), "'"));
}

// Attributes that the target's file system does not take are not worth failing for.
void CopyXattrs(const fs::path& from, const fs::path& to) {
  std::vector<char> names(64 << 10);
  const ssize_t size = ::llistxattr(from.c_str(), names.data(), names.size());
  std::vector<char> value(64 << 10);
  for (const char* name = names.data(); name < names.data() + size; name += std::strlen(name) + 1) {
    const ssize_t n = ::lgetxattr(from.c_str(), name, value.data(), value.size());
    if (n >= 0) ::lsetxattr(to.c_str(), name, value.data(), static_cast<std::size_t>(n), 0);
  }
}

absl::Status CopyMetadata(const fs::path& from, const fs::path& to, const struct stat& info) {
  if (::lchown(to.c_str(), info.st_uid, info.st_gid) < 0) return Error("change the owner of", to);
  if (!S_ISLNK(info.st_mode) && ::chmod(to.c_str(), info.st_mode & 07777) < 0) return Error("chmod", to);
  CopyXattrs(from, to);
  const timespec times[] = {info.st_atim, info.st_mtim};
  if (::utimensat(AT_FDCWD, to.c_str(), times, AT_SYMLINK_NOFOLLOW) < 0) return Error("set the time of", to);
  return absl::OkStatus();
}

absl::Status CopyEntry(const fs::path& from, const fs::path& to, dev_t device) {
  struct stat info {};
  if (::lstat(from.c_str(), &info) < 0) return Error("stat", from);
  if (info.st_dev != device && S_ISDIR(info.st_mode)) return absl::OkStatus();
  if (S_ISREG(info.st_mode)) {
    BANGER_RETURN_IF_ERROR(CloneFile(from, to));
  } else if (S_ISLNK(info.st_mode)) {
    std::error_code error;
    fs::copy_symlink(from, to, error);
    if (error) return ErrnoError(error.value(), absl::StrCat("copy link '", from.string(), "'"));
  } else if (S_ISDIR(info.st_mode)) {
    if (::mkdir(to.c_str(), 0700) < 0) return Error("create directory", to);
    BANGER_RETURN_IF_ERROR(CopyTree(from, to));
  } else {
    return absl::OkStatus();
  }
  return CopyMetadata(from, to, info);
}

}  // namespace

absl::Status CopyTree(const fs::path& from, const fs::path& to) {
  struct stat info {};
  if (::lstat(from.c_str(), &info) < 0) return Error("stat", from);
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(from, error))
    BANGER_RETURN_IF_ERROR(CopyEntry(entry.path(), to / entry.path().filename(), info.st_dev));
  if (error) return ErrnoError(error.value(), absl::StrCat("list '", from.string(), "'"));
  return absl::OkStatus();
}

}  // namespace banger::agent
