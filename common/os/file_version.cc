#include "common/os/file_version.h"

#include <sys/stat.h>

#include <cerrno>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"

namespace banger {

absl::StatusOr<std::string> FileVersion(const std::filesystem::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) < 0) return ErrnoError(errno, absl::StrCat("stat '", path.string(), "'"));
  return absl::StrCat(info.st_dev, ":", info.st_ino, ":", info.st_size, ":", info.st_mtim.tv_sec, ".",
                      info.st_mtim.tv_nsec, ":", absl::Hex(info.st_mode));
}

}  // namespace banger
