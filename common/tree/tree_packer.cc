#include "common/tree/tree_packer.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <memory>

#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/tree/file_below.h"
#include "common/tree/file_holes.h"

namespace banger {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kPiece = 256 << 10;
constexpr std::size_t kMaxWarnings = 10;

struct CloseDir {
  void operator()(DIR* dir) const { ::closedir(dir); }
};

absl::Status Failed(const char* what, const fs::path& path) {
  return ErrnoError(errno, absl::StrCat(what, " '", path.string(), "'"));
}

ArchiveEntry EntryOf(const struct stat& info, const std::string& name, ArchiveEntry::Type type) {
  return {.path = name,
          .type = type,
          .mode = info.st_mode & 07777U,
          .uid = info.st_uid,
          .gid = info.st_gid,
          .mtime_seconds = info.st_mtim.tv_sec,
          .mtime_nanoseconds = static_cast<std::int32_t>(info.st_mtim.tv_nsec)};
}

// What the kernel makes up: it has no end, or no sizes, and belongs to its machine.
bool IsMadeUp(int fd) {
  struct statfs info {};
  if (::fstatfs(fd, &info) < 0) return false;
  constexpr std::array<std::uint32_t, 10> kTypes = {
      PROC_SUPER_MAGIC,   SYSFS_MAGIC,   CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC,
      DEVPTS_SUPER_MAGIC, TRACEFS_MAGIC, SECURITYFS_MAGIC,   BPF_FS_MAGIC,        PSTOREFS_MAGIC};
  const auto type = static_cast<std::uint32_t>(info.f_type);
  return std::find(kTypes.begin(), kTypes.end(), type) != kTypes.end();
}

}  // namespace

TreePacker::TreePacker(TarWriter& tar, std::stop_token stop, bool hard_links)
    : tar_(tar), stop_(std::move(stop)), hard_links_(hard_links), buffer_(kPiece) {}

absl::Status TreePacker::Add(const fs::path& path, const std::string& name, bool follow) {
  struct stat info {};
  const int flags = follow ? 0 : O_NOFOLLOW;
  if (::fstatat(AT_FDCWD, path.c_str(), &info, follow ? 0 : AT_SYMLINK_NOFOLLOW) < 0)
    return Failed("read", path);
  return AddItem({AT_FDCWD, path.string(), path, name, flags}, info.st_dev);
}

absl::Status TreePacker::AddBelow(int root, const std::string& path, const std::string& name) {
  BANGER_ASSIGN_OR_RETURN(const FileBelow found, FindBelow(root, path));
  return AddItem({found.parent.get(), found.base, path, name, O_NOFOLLOW}, found.info.st_dev);
}

absl::Status TreePacker::AddItem(const Item& item, dev_t device) {
  if (stop_.stop_requested()) return absl::CancelledError("stopped");
  struct stat info {};
  const int flags = item.flags == O_NOFOLLOW ? AT_SYMLINK_NOFOLLOW : 0;
  if (::fstatat(item.dir, item.base.c_str(), &info, flags) < 0) return GoneOr("stat", item);
  switch (info.st_mode & S_IFMT) {
    case S_IFREG:
      return AddFile(item, info);
    case S_IFLNK:
      return AddSymlink(item, info);
    case S_IFDIR:
      return AddDirectory(item, info, device);
    case S_IFSOCK:
      LeaveOut(item.path, "a socket");
      return absl::OkStatus();
    case S_IFIFO:
      LeaveOut(item.path, "a fifo");
      return absl::OkStatus();
    default:
      LeaveOut(item.path, "a device");
      return absl::OkStatus();
  }
}

absl::Status TreePacker::AddFile(const Item& item, const struct stat& info) {
  // A directory that changes while it is listed may name a file twice.
  const auto first = links_.find({info.st_dev, info.st_ino});
  if (hard_links_ && info.st_nlink > 1 && first != links_.end() && first->second != item.name) {
    ArchiveEntry link = EntryOf(info, item.name, ArchiveEntry::Type::kHardLink);
    link.link_target = first->second;
    return tar_.Begin(link);
  }
  // What took its place meanwhile may be a fifo: never wait for its other end.
  const UniqueFd fd(
      ::openat(item.dir, item.base.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | item.flags));
  if (!fd.valid()) return GoneOr("open", item);
  struct stat opened {};
  if (::fstat(fd.get(), &opened) < 0) return Failed("stat", item.path);
  if (!S_ISREG(opened.st_mode))
    return absl::AbortedError(absl::StrCat("read '", item.path.string(), "': it was replaced meanwhile"));
  ArchiveEntry entry = EntryOf(opened, item.name, ArchiveEntry::Type::kFile);
  entry.size = opened.st_size;
  if (hard_links_ && opened.st_nlink > 1) links_.emplace(std::pair(opened.st_dev, opened.st_ino), item.name);
  return AddContent(fd.get(), item, std::move(entry));
}

absl::Status TreePacker::AddContent(int fd, const Item& item, ArchiveEntry entry) {
  ++files_;
  // Files of /proc have no size, but content.
  if (entry.size == 0) {
    const auto content = ReadFully(fd, buffer_.data(), buffer_.size());
    if (!content.ok()) return Annotate(content.status(), absl::StrCat("'", item.path.string(), "'"));
    if (*content == buffer_.size())
      return absl::AbortedError(absl::StrCat("read '", item.path.string(), "': it is larger than it says"));
    entry.size = static_cast<std::int64_t>(*content);
    bytes_ += entry.size;
    BANGER_RETURN_IF_ERROR(tar_.Begin(entry, {{0, entry.size}}));
    return tar_.Write({buffer_.data(), *content});
  }
  const std::vector<DataRange> ranges = DataRangesOf(fd, entry.size);
  BANGER_RETURN_IF_ERROR(tar_.Begin(entry, ranges));
  for (const DataRange& range : ranges) BANGER_RETURN_IF_ERROR(CopyRange(fd, range, item));
  return absl::OkStatus();
}

absl::Status TreePacker::CopyRange(int fd, const DataRange& range, const Item& item) {
  for (std::int64_t done = 0; done < range.size;) {
    if (stop_.stop_requested()) return absl::CancelledError("stopped");
    const auto want =
        static_cast<std::size_t>(std::min(range.size - done, static_cast<std::int64_t>(buffer_.size())));
    const ssize_t n = ::pread(fd, buffer_.data(), want, range.offset + done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return Failed("read", item.path);
    if (n == 0)
      return absl::AbortedError(absl::StrCat("read '", item.path.string(), "': it shrank meanwhile"));
    BANGER_RETURN_IF_ERROR(tar_.Write({buffer_.data(), static_cast<std::size_t>(n)}));
    done += n;
    bytes_ += n;
  }
  return absl::OkStatus();
}

absl::Status TreePacker::AddSymlink(const Item& item, const struct stat& info) {
  std::array<char, PATH_MAX> target;
  const ssize_t size = ::readlinkat(item.dir, item.base.c_str(), target.data(), target.size());
  if (size < 0) return GoneOr("read link", item);
  ArchiveEntry link = EntryOf(info, item.name, ArchiveEntry::Type::kSymlink);
  link.link_target.assign(target.data(), static_cast<std::size_t>(size));
  return tar_.Begin(link);
}

absl::Status TreePacker::AddDirectory(const Item& item, const struct stat& info, dev_t device) {
  UniqueFd fd(::openat(item.dir, item.base.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC | item.flags));
  if (!fd.valid()) return GoneOr("open directory", item);
  if (info.st_dev != device && IsMadeUp(fd.get())) {
    LeaveOut(item.path, "the kernel's own file system");
    return absl::OkStatus();
  }
  BANGER_RETURN_IF_ERROR(
      tar_.Begin(EntryOf(info, item.name.empty() ? "." : item.name, ArchiveEntry::Type::kDirectory)));
  const std::unique_ptr<DIR, CloseDir> dir(::fdopendir(fd.get()));
  if (dir == nullptr) return Failed("list", item.path);
  const int number = fd.Release();
  for (;;) {
    errno = 0;
    const dirent* entry = ::readdir(dir.get());
    if (entry == nullptr && errno != 0) return Failed("list", item.path);
    if (entry == nullptr) return absl::OkStatus();
    const std::string base = entry->d_name;
    if (base == "." || base == "..") continue;
    const std::string name = item.name.empty() ? base : absl::StrCat(item.name, "/", base);
    BANGER_RETURN_IF_ERROR(AddItem({number, base, item.path / base, name, O_NOFOLLOW}, info.st_dev));
  }
}

absl::Status TreePacker::GoneOr(const char* what, const Item& item) {
  if (errno != ENOENT || item.dir == AT_FDCWD) return Failed(what, item.path);
  LeaveOut(item.path, "it disappeared meanwhile");
  return absl::OkStatus();
}

void TreePacker::LeaveOut(const fs::path& path, const std::string& what) {
  if (warnings_.size() < kMaxWarnings)
    warnings_.push_back(absl::StrCat("'", PrintableArchivePath(path.string()), "' is left out: ", what));
}

}  // namespace banger
