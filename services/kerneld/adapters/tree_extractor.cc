#include "services/kerneld/adapters/tree_extractor.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/os/file.h"
#include "common/os/unique_fd.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace {

using Type = ArchiveEntry::Type;

constexpr int kMaxDepth = 64;

// Opens below `root`; the kernel itself sees to it that no symlink is followed
// and nothing above is reached.
int OpenBeneath(int root, const std::string& path, std::uint64_t flags, std::uint64_t mode) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.mode = mode;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
}

class Extractor {
 public:
  Extractor(UniqueFd root, const std::stop_token& stop) : root_(std::move(root)), stop_(stop) {}

  absl::Status Extract(const ArchiveEntry& entry, const std::string& path, ArchiveReader& archive) {
    member_ = path;
    if (std::count(path.begin(), path.end(), '/') >= kMaxDepth)
      return ArchiveRefused(absl::StrCat("member '", PrintableArchivePath(path), "' is nested too deep"));
    switch (entry.type) {
      case Type::kDirectory:
        return OpenDirectory(path).status();
      case Type::kFile:
        return WriteMember(entry, path, archive);
      case Type::kSymlink:
        return MakeSymlink(entry, path);
      default:
        return absl::OkStatus();
    }
  }

  std::vector<std::string> TakeFiles() { return {files_.begin(), files_.end()}; }

 private:
  absl::Status Failed(absl::string_view what, const std::string& path) const {
    const int error = errno;
    if (error == ELOOP || error == ENOTDIR || error == EISDIR || error == EXDEV || error == ENOTEMPTY) {
      return ArchiveRefused(absl::StrCat("member '", PrintableArchivePath(member_),
                                         "' stands below or over a member of another kind"));
    }
    return ErrnoError(error, absl::StrCat(what, " '", PrintableArchivePath(path), "'"));
  }

  // Makes it and its parents when they are not there.
  absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path) {
    const std::string name = path.empty() ? "." : path;
    UniqueFd directory(OpenBeneath(root_.get(), name, O_PATH | O_DIRECTORY, 0));
    if (directory.valid()) return directory;
    if (errno != ENOENT) return Failed("open", path);
    BANGER_ASSIGN_OR_RETURN(const int parent, OpenParent(path));
    const std::string base = path.substr(path.rfind('/') + 1);
    if (::mkdirat(parent, base.c_str(), 0755) < 0) return Failed("make directory", path);
    directory.Reset(OpenBeneath(parent, base, O_PATH | O_DIRECTORY, 0));
    if (!directory.valid()) return Failed("open", path);
    return directory;
  }

  // Kept open for the next member, which mostly has the same. It stays what it
  // is: nothing here removes or replaces a directory.
  absl::StatusOr<int> OpenParent(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    const std::string name = slash == std::string::npos ? std::string() : path.substr(0, slash);
    if (parent_.valid() && name == parent_name_) return parent_.get();
    BANGER_ASSIGN_OR_RETURN(parent_, OpenDirectory(name));
    parent_name_ = name;
    return parent_.get();
  }

  // Calls `make` for the member's parent and name until it does not fail with
  // EEXIST, after what else had that name is gone: the last member counts.
  template <typename Make>
  absl::StatusOr<int> Replace(const std::string& path, absl::string_view what, Make make) {
    BANGER_ASSIGN_OR_RETURN(const int parent, OpenParent(path));
    const std::string base = path.substr(path.rfind('/') + 1);
    int made = make(parent, base);
    if (made < 0 && errno == EEXIST) {
      if (::unlinkat(parent, base.c_str(), 0) < 0) return Failed("replace", path);
      files_.erase(path);
      made = make(parent, base);
    }
    if (made < 0) return Failed(what, path);
    return made;
  }

  absl::Status WriteMember(const ArchiveEntry& entry, const std::string& path, ArchiveReader& archive) {
    const unsigned mode = (entry.mode & 0100) != 0 ? 0755 : 0644;
    BANGER_ASSIGN_OR_RETURN(const int fd,
                            Replace(path, "create", [mode](int parent, const std::string& base) {
                              return OpenBeneath(parent, base, O_WRONLY | O_CREAT | O_EXCL, mode);
                            }));
    const UniqueFd file(fd);
    std::int64_t end = 0;
    for (;;) {
      if (stop_.stop_requested()) return absl::CancelledError("the caller has left");
      BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveReader::Block> block, archive.ReadBlock());
      if (!block.has_value()) break;
      if (block->offset != end && ::lseek(file.get(), block->offset, SEEK_SET) < 0)
        return Failed("seek in", path);
      BANGER_RETURN_IF_ERROR(Annotate(WriteFully(file.get(), block->data), PrintableArchivePath(path)));
      end = block->offset + static_cast<std::int64_t>(block->data.size());
    }
    if (end != entry.size && ::ftruncate(file.get(), entry.size) < 0) return Failed("size", path);
    files_.insert(path);
    return absl::OkStatus();
  }

  absl::Status MakeSymlink(const ArchiveEntry& entry, const std::string& path) {
    const absl::Status safe = CheckSymlinkTarget(path, entry.link_target);
    if (!safe.ok()) return ArchiveRefused(safe.message());
    return Replace(path, "link",
                   [&entry](int parent, const std::string& base) {
                     return ::symlinkat(entry.link_target.c_str(), parent, base.c_str());
                   })
        .status();
  }

  const UniqueFd root_;
  const std::stop_token& stop_;
  std::string member_;  // being extracted
  UniqueFd parent_;
  std::string parent_name_;
  std::set<std::string> files_;
};

}  // namespace

absl::StatusOr<std::vector<std::string>> ExtractTree(ArchiveReader& archive,
                                                     const std::filesystem::path& root,
                                                     const PathFilter& wanted, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(root, O_PATH | O_DIRECTORY));
  Extractor extractor(std::move(fd), stop);
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("the caller has left");
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> entry, archive.Next());
    if (!entry.has_value()) return extractor.TakeFiles();
    const absl::StatusOr<std::string> path = NormalizeArchivePath(entry->path);
    if (!path.ok()) return ArchiveRefused(path.status().message());
    if (path->empty() || !wanted(*path)) continue;
    BANGER_RETURN_IF_ERROR(extractor.Extract(*entry, *path, archive));
  }
}

}  // namespace banger::kerneld
