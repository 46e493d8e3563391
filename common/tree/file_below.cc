#include "common/tree/file_below.h"

#include <fcntl.h>

#include <cerrno>
#include <filesystem>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/os/open_beneath.h"
#include "common/status/error.h"

namespace banger {

absl::StatusOr<FileBelow> FindBelow(int root, const std::string& path) {
  const std::filesystem::path parts = path;
  const std::string above = parts.has_parent_path() ? parts.parent_path().string() : ".";
  FileBelow found{.parent = UniqueFd(OpenBeneath(root, above, O_PATH | O_DIRECTORY)),
                  .base = parts.filename().string()};
  const bool there = found.parent.valid() &&
                     ::fstatat(found.parent.get(), found.base.c_str(), &found.info, AT_SYMLINK_NOFOLLOW) == 0;
  if (!there && errno != ENOENT && errno != ELOOP && errno != ENOTDIR)
    return ErrnoError(errno, absl::StrCat("read '", path, "'"));
  if (!there || S_ISDIR(found.info.st_mode)) return absl::NotFoundError(absl::StrCat("no file '", path, "'"));
  return found;
}

}  // namespace banger
