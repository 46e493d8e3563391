#include "tests/integration/host_tree.h"

#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "common/digest/sha256.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace fs = std::filesystem;
namespace {

absl::StatusOr<std::string> XattrsOf(const fs::path& path) {
  std::vector<char> names(64 << 10);
  const ssize_t size = ::llistxattr(path.c_str(), names.data(), names.size());
  if (size < 0 && errno != ENOTSUP) return ErrnoError(errno, absl::StrCat("list xattrs of ", path.string()));
  std::vector<std::string> all;
  const absl::string_view list(names.data(), static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  for (const absl::string_view name : absl::StrSplit(list, '\0', absl::SkipEmpty())) {
    std::vector<char> value(64 << 10);
    const ssize_t length = ::lgetxattr(path.c_str(), std::string(name).c_str(), value.data(), value.size());
    if (length < 0) return ErrnoError(errno, absl::StrCat("read an xattr of ", path.string()));
    all.push_back(absl::StrCat(
        " ", name, "=",
        absl::BytesToHexString(absl::string_view(value.data(), static_cast<std::size_t>(length)))));
  }
  std::sort(all.begin(), all.end());
  return absl::StrCat(all.size(), " xattrs", absl::StrJoin(all, ""));
}

absl::StatusOr<std::string> Describe(const fs::path& path, const struct stat& info) {
  std::string line = absl::StrFormat("%06o %d:%d %d.%09d", info.st_mode, info.st_uid, info.st_gid,
                                     info.st_mtim.tv_sec, info.st_mtim.tv_nsec);
  if (S_ISLNK(info.st_mode)) absl::StrAppend(&line, " -> ", fs::read_symlink(path).string());
  if (S_ISCHR(info.st_mode) || S_ISBLK(info.st_mode))
    absl::StrAppend(&line, " device ", major(info.st_rdev), ":", minor(info.st_rdev));
  if (S_ISREG(info.st_mode)) {
    BANGER_ASSIGN_OR_RETURN(const std::string digest, Sha256OfFile(path));
    absl::StrAppend(&line, " ", info.st_size, " bytes ", digest);
  }
  if (!S_ISDIR(info.st_mode)) absl::StrAppend(&line, " links ", info.st_nlink);
  BANGER_ASSIGN_OR_RETURN(const std::string xattrs, XattrsOf(path));
  return absl::StrCat(line, " ", xattrs);
}

}  // namespace

absl::StatusOr<std::map<std::string, std::string>> DescribeTree(const fs::path& root) {
  std::vector<fs::path> paths{root};
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(root))
    paths.push_back(entry.path());
  std::sort(paths.begin(), paths.end());
  std::map<std::string, std::string> tree;
  std::map<ino_t, std::string> first_names;
  for (const fs::path& path : paths) {
    struct stat info {};
    if (::lstat(path.c_str(), &info) != 0) return ErrnoError(errno, absl::StrCat("stat ", path.string()));
    const std::string name = path.lexically_relative(root).string();
    BANGER_ASSIGN_OR_RETURN(std::string line, Describe(path, info));
    if (!S_ISDIR(info.st_mode) && info.st_nlink > 1) {
      const auto [it, inserted] = first_names.emplace(info.st_ino, name);
      absl::StrAppend(&line, " same as ", it->second);
    }
    tree.emplace(name, std::move(line));
  }
  return tree;
}

}  // namespace banger
