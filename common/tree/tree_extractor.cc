#include "common/tree/tree_extractor.h"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/os/file.h"
#include "common/os/open_beneath.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

using Type = ArchiveEntry::Type;

constexpr std::size_t kMaxWarnings = 10;

std::string ParentOf(const std::string& path) {
  const std::size_t slash = path.rfind('/');
  return slash == std::string::npos ? std::string() : path.substr(0, slash);
}

std::string BaseOf(const std::string& path) { return path.substr(path.rfind('/') + 1); }

// One that no archive can know.
std::string TemporaryName() {
  std::uint64_t random = 0;
  if (::getrandom(&random, sizeof random, 0) < 0) random = static_cast<std::uint64_t>(::getpid());
  return absl::StrCat(".banger-", absl::Hex(random, absl::kZeroPad16));
}

absl::Status Refused(const std::string& path, absl::string_view why) {
  return absl::InvalidArgumentError(absl::StrCat("member '", PrintableArchivePath(path), "' ", why));
}

}  // namespace

TreeExtractor::TreeExtractor(UniqueFd root, ExtractOptions options, std::stop_token stop)
    : root_(std::move(root)),
      options_(std::move(options)),
      stop_(std::move(stop)),
      temporary_(TemporaryName()) {}

TreeExtractor::~TreeExtractor() { Finish().IgnoreError(); }

absl::Status TreeExtractor::Add(const ArchiveEntry& entry, const std::string& path,
                                const std::string& link_target, ArchiveReader& archive) {
  member_ = path;
  if (std::count(path.begin(), path.end(), '/') >= options_.max_depth)
    return Refused(path, "is nested too deep");
  BANGER_RETURN_IF_ERROR(LeaveDirectoriesAround(path));
  if (path.empty())
    return entry.type == Type::kDirectory ? absl::OkStatus() : Refused(entry.path, "has no name");
  switch (entry.type) {
    case Type::kDirectory:
      return MakeDirectory(entry, path);
    case Type::kFile:
      return WriteFile(entry, path, archive);
    case Type::kSymlink:
      return MakeSymlink(entry, path);
    case Type::kHardLink:
      return options_.hard_links ? MakeHardLink(path, link_target) : absl::OkStatus();
    default:
      LeaveOut(path, "a device, fifo or socket");
      return absl::OkStatus();
  }
}

absl::Status TreeExtractor::Finish() {
  absl::Status finished;
  while (!filling_.empty()) {
    const Pending directory = std::move(filling_.back());
    filling_.pop_back();
    const UniqueFd fd(OpenBeneath(root_.get(), directory.path, O_RDONLY | O_DIRECTORY));
    finished = JoinErrors(finished, fd.valid() ? SetMetadata(fd.get(), directory.entry, directory.path)
                                               : Failed("open", directory.path));
  }
  return finished;
}

// Archives hold a directory before what is in it, and mostly all of that at once.
absl::Status TreeExtractor::LeaveDirectoriesAround(const std::string& path) {
  while (!filling_.empty() && !absl::StartsWith(path, filling_.back().path + "/")) {
    const Pending directory = std::move(filling_.back());
    filling_.pop_back();
    const UniqueFd fd(OpenBeneath(root_.get(), directory.path, O_RDONLY | O_DIRECTORY));
    if (!fd.valid()) return Failed("open", directory.path);
    BANGER_RETURN_IF_ERROR(SetMetadata(fd.get(), directory.entry, directory.path));
  }
  return absl::OkStatus();
}

absl::Status TreeExtractor::Failed(absl::string_view what, const std::string& path) const {
  const int error = errno;
  if (error == ELOOP || error == ENOTDIR || error == EISDIR || error == EXDEV || error == ENOTEMPTY)
    return Refused(member_, "stands below or over a member of another kind");
  return ErrnoError(error, absl::StrCat(what, " '", PrintableArchivePath(path), "'"));
}

// Makes it and its parents when they are not there.
absl::StatusOr<UniqueFd> TreeExtractor::OpenDirectory(const std::string& path) {
  const std::string name = path.empty() ? "." : path;
  UniqueFd directory(OpenBeneath(root_.get(), name, O_PATH | O_DIRECTORY));
  if (directory.valid()) return directory;
  if (errno != ENOENT) return Failed("open", path);
  BANGER_ASSIGN_OR_RETURN(const int parent, OpenParent(path));
  if (::mkdirat(parent, BaseOf(path).c_str(), 0755) < 0) return Failed("make directory", path);
  directory.Reset(OpenBeneath(parent, BaseOf(path), O_PATH | O_DIRECTORY));
  if (!directory.valid()) return Failed("open", path);
  if (options_.owner.has_value() && ::fchownat(parent, BaseOf(path).c_str(), options_.owner->uid,
                                               options_.owner->gid, AT_SYMLINK_NOFOLLOW) < 0)
    return Failed("change the owner of", path);
  return directory;
}

// Kept open for the next member, which mostly has the same. It stays what it
// is: nothing here removes or replaces a directory.
absl::StatusOr<int> TreeExtractor::OpenParent(const std::string& path) {
  const std::string name = ParentOf(path);
  if (parent_.valid() && name == parent_name_) return parent_.get();
  BANGER_ASSIGN_OR_RETURN(parent_, OpenDirectory(name));
  parent_name_ = name;
  return parent_.get();
}

// Calls `make` for the member's parent and name, and again after what else had that
// name is gone: the last member counts.
template <typename Make>
absl::Status TreeExtractor::Replace(const std::string& path, absl::string_view what, Make make) {
  BANGER_ASSIGN_OR_RETURN(const int parent, OpenParent(path));
  const std::string base = BaseOf(path);
  int made = make(parent, base);
  if (made < 0 && errno == EEXIST) {
    if (::unlinkat(parent, base.c_str(), 0) < 0) return Failed("replace", path);
    if (options_.files != nullptr) options_.files->erase(path);
    made = make(parent, base);
  }
  return made < 0 ? Failed(what, path) : absl::OkStatus();
}

absl::Status TreeExtractor::MakeDirectory(const ArchiveEntry& entry, const std::string& path) {
  if (!options_.keep_metadata) return OpenDirectory(path).status();
  BANGER_ASSIGN_OR_RETURN(const int parent, OpenParent(path));
  if (::mkdirat(parent, BaseOf(path).c_str(), 0700) == 0) {
    filling_.push_back({path, entry});
    return absl::OkStatus();
  }
  if (errno != EEXIST) return Failed("make directory", path);
  const UniqueFd there(OpenBeneath(parent, BaseOf(path), O_PATH | O_DIRECTORY));
  return there.valid() ? absl::OkStatus() : Failed("open", path);
}

absl::Status TreeExtractor::WriteFile(const ArchiveEntry& entry, const std::string& path,
                                      ArchiveReader& archive) {
  BANGER_ASSIGN_OR_RETURN(const int parent, OpenParent(path));
  const UniqueFd file(OpenBeneath(parent, temporary_, O_WRONLY | O_CREAT | O_EXCL, 0600));
  if (!file.valid()) return Failed("create", path);
  absl::Status written = WriteContent(file.get(), entry.size, path, archive);
  if (written.ok()) written = SetMetadata(file.get(), entry, path);
  if (written.ok() && ::renameat(parent, temporary_.c_str(), parent, BaseOf(path).c_str()) < 0)
    written = Failed("create", path);
  if (!written.ok()) {
    ::unlinkat(parent, temporary_.c_str(), 0);
    return written;
  }
  ++file_count_;
  if (options_.files != nullptr) options_.files->insert(path);
  return absl::OkStatus();
}

absl::Status TreeExtractor::WriteContent(int fd, std::int64_t size, const std::string& path,
                                         ArchiveReader& archive) {
  std::int64_t end = 0;
  for (;;) {
    if (stop_.stop_requested()) return absl::CancelledError("the caller has left");
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveReader::Block> block, archive.ReadBlock());
    if (!block.has_value()) break;
    if (block->offset != end && ::lseek(fd, block->offset, SEEK_SET) < 0) return Failed("seek in", path);
    BANGER_RETURN_IF_ERROR(Annotate(WriteFully(fd, block->data), PrintableArchivePath(path)));
    end = block->offset + static_cast<std::int64_t>(block->data.size());
    bytes_ += static_cast<std::int64_t>(block->data.size());
  }
  return end != size && ::ftruncate(fd, size) < 0 ? Failed("size", path) : absl::OkStatus();
}

absl::Status TreeExtractor::MakeSymlink(const ArchiveEntry& entry, const std::string& path) {
  if (options_.check_symlinks) BANGER_RETURN_IF_ERROR(CheckSymlinkTarget(path, entry.link_target));
  BANGER_RETURN_IF_ERROR(Replace(path, "link", [&entry](int parent, const std::string& base) {
    return ::symlinkat(entry.link_target.c_str(), parent, base.c_str());
  }));
  if (!options_.keep_metadata) return absl::OkStatus();
  const std::string base = BaseOf(path);
  if (const auto owner = OwnerOf(entry);
      owner.has_value() &&
      ::fchownat(parent_.get(), base.c_str(), owner->uid, owner->gid, AT_SYMLINK_NOFOLLOW) < 0)
    return Failed("change the owner of", path);
  const timespec times[] = {{0, UTIME_OMIT}, {entry.mtime_seconds, entry.mtime_nanoseconds}};
  ::utimensat(parent_.get(), base.c_str(), times, AT_SYMLINK_NOFOLLOW);
  return absl::OkStatus();
}

absl::Status TreeExtractor::MakeHardLink(const std::string& path, const std::string& target) {
  if (target.empty() || target == path) return Refused(path, "is a hard link to itself or to nothing");
  const std::string above = ParentOf(target);
  const UniqueFd directory(OpenBeneath(root_.get(), above.empty() ? "." : above, O_PATH | O_DIRECTORY));
  struct stat info {};
  if (!directory.valid() ||
      ::fstatat(directory.get(), BaseOf(target).c_str(), &info, AT_SYMLINK_NOFOLLOW) < 0)
    return Failed("find", target);
  if (!S_ISREG(info.st_mode)) return Refused(path, "is a hard link to something else than a file");
  return Replace(path, "link", [&](int parent, const std::string& base) {
    return ::linkat(directory.get(), BaseOf(target).c_str(), parent, base.c_str(), 0);
  });
}

absl::Status TreeExtractor::SetMetadata(int fd, const ArchiveEntry& entry, const std::string& path) const {
  if (const auto owner = OwnerOf(entry); owner.has_value() && ::fchown(fd, owner->uid, owner->gid) < 0)
    return Failed("change the owner of", path);
  if (::fchmod(fd, ModeOf(entry)) < 0) return Failed("chmod", path);
  if (!options_.keep_metadata) return absl::OkStatus();
  // A time that the file system does not have is no reason to fail.
  const timespec times[] = {{0, UTIME_OMIT}, {entry.mtime_seconds, entry.mtime_nanoseconds}};
  ::futimens(fd, times);
  return absl::OkStatus();
}

std::optional<FileOwner> TreeExtractor::OwnerOf(const ArchiveEntry& entry) const {
  constexpr std::uint64_t kMax = std::numeric_limits<uid_t>::max() - 1;
  if (!options_.keep_owners || entry.uid > kMax || entry.gid > kMax) return options_.owner;
  return FileOwner{static_cast<uid_t>(entry.uid), static_cast<gid_t>(entry.gid)};
}

unsigned TreeExtractor::ModeOf(const ArchiveEntry& entry) const {
  if (options_.keep_metadata) return entry.mode & options_.mode_mask;
  return (entry.mode & 0100) != 0 ? 0755 : 0644;
}

void TreeExtractor::LeaveOut(const std::string& path, const char* what) {
  if (warnings_.size() < kMaxWarnings)
    warnings_.push_back(absl::StrCat("'", PrintableArchivePath(path), "' is left out: ", what));
}

}  // namespace banger
