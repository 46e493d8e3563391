#include "common/os/file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <system_error>

#include "absl/strings/str_cat.h"
#include "common/os/new_file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger {
namespace fs = std::filesystem;
namespace {

absl::Status PathError(const char* what, const fs::path& path) {
  return ErrnoError(errno, absl::StrCat(what, " '", path.string(), "'"));
}

// One step of a copy within the kernel; both offsets move on.
ssize_t CopySome(int from, int to, off_t* in, off_t* out, off_t end) {
  const auto size = static_cast<std::size_t>(end - *in);
  ssize_t n = ::copy_file_range(from, in, to, out, size, 0);
  const bool unable = n < 0 && (errno == EXDEV || errno == EINVAL || errno == EOPNOTSUPP || errno == ENOSYS);
  if (!unable) return n;
  // Between file systems of two kinds; sendfile goes by the target's position.
  if (::lseek(to, *out, SEEK_SET) < 0) return -1;
  n = ::sendfile(to, from, in, size);
  if (n > 0) *out += n;
  return n;
}

// Copies [offset, end).
absl::Status CopyRange(int from, int to, off_t offset, off_t end, const fs::path& path) {
  off_t in = offset;
  off_t out = offset;
  while (in < end) {
    const ssize_t n = CopySome(from, to, &in, &out, end);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return PathError("copy to", path);
    if (n == 0) break;
  }
  return absl::OkStatus();
}

absl::Status CopyData(int from, int to, off_t size, const fs::path& path) {
  for (off_t data = 0; data < size;) {
    data = ::lseek(from, data, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;  // only a hole is left
    if (data < 0) return PathError("seek in", path);
    const off_t hole = ::lseek(from, data, SEEK_HOLE);
    if (hole < 0) return PathError("seek in", path);
    BANGER_RETURN_IF_ERROR(CopyRange(from, to, data, hole, path));
    data = hole;
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> OpenFile(const fs::path& path, int flags, unsigned mode) {
  UniqueFd fd(::open(path.c_str(), flags | O_CLOEXEC, mode));
  if (!fd.valid()) return PathError("open", path);
  return fd;
}

absl::StatusOr<std::size_t> ReadFully(int fd, char* data, std::size_t size) {
  std::size_t done = 0;
  while (done < size) {
    const ssize_t n = ::read(fd, data + done, size - done);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "read");
    if (n == 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

absl::StatusOr<std::string> ReadFile(const fs::path& path, std::int64_t max_bytes) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  std::string content;
  for (;;) {
    constexpr std::size_t kStep = 64 << 10;
    const std::size_t old_size = content.size();
    content.resize(old_size + kStep);
    const absl::StatusOr<std::size_t> n = ReadFully(fd.get(), content.data() + old_size, kStep);
    if (!n.ok()) return Annotate(n.status(), absl::StrCat("read '", path.string(), "'"));
    content.resize(old_size + *n);
    if (static_cast<std::int64_t>(content.size()) > max_bytes)
      return absl::OutOfRangeError(
          absl::StrCat("read '", path.string(), "': larger than ", max_bytes, " bytes"));
    if (*n < kStep) return content;
  }
}

absl::Status WriteFully(int fd, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t n = ::write(fd, data.data(), data.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, "write");
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return absl::OkStatus();
}

absl::Status WriteFileAtomically(const fs::path& path, absl::string_view content, unsigned mode) {
  BANGER_ASSIGN_OR_RETURN(NewFile file, NewFile::Create(path));
  BANGER_RETURN_IF_ERROR(file.Write(content));
  return Annotate(file.Finish(mode), absl::StrCat("write '", path.string(), "'"));
}

absl::Status MakeDirectories(const fs::path& path, unsigned mode) {
  if (path.empty() || ::mkdir(path.c_str(), mode) == 0) return absl::OkStatus();
  if (errno == ENOENT && path.has_relative_path()) {
    BANGER_RETURN_IF_ERROR(MakeDirectories(path.parent_path(), mode));
    if (::mkdir(path.c_str(), mode) == 0) return absl::OkStatus();
  }
  if (errno == EEXIST) {
    std::error_code error;
    if (fs::is_directory(path, error)) return absl::OkStatus();
    errno = ENOTDIR;
  }
  return PathError("create directory", path);
}

absl::Status SyncDirectory(const fs::path& path) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
  if (::fsync(fd.get()) < 0) return PathError("fsync", path);
  return absl::OkStatus();
}

absl::Status RenameDurably(const fs::path& from, const fs::path& to) {
  if (::rename(from.c_str(), to.c_str()) < 0)
    return PathError(absl::StrCat("rename '", from.string(), "' to").c_str(), to);
  return SyncDirectory(to.parent_path());
}

absl::Status RemoveFileDurably(const fs::path& path) {
  if (::unlink(path.c_str()) == 0) return SyncDirectory(path.parent_path());
  return errno == ENOENT ? absl::OkStatus() : PathError("remove", path);
}

absl::Status RemoveTree(const fs::path& path) {
  std::error_code error;
  fs::remove_all(path, error);
  if (error) return ErrnoError(error.value(), absl::StrCat("remove '", path.string(), "'"));
  return absl::OkStatus();
}

absl::Status CloneFile(const fs::path& from, const fs::path& to, unsigned mode) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd source, OpenFile(from, O_RDONLY));
  struct stat info {};
  if (::fstat(source.get(), &info) < 0) return PathError("stat", from);
  if (!S_ISREG(info.st_mode))
    return absl::InvalidArgumentError(absl::StrCat("copy '", from.string(), "': not a regular file"));
  BANGER_ASSIGN_OR_RETURN(const UniqueFd target, OpenFile(to, O_WRONLY | O_CREAT | O_EXCL, mode));
  if (::ioctl(target.get(), FICLONE, source.get()) == 0) return absl::OkStatus();
  absl::Status status = CopyData(source.get(), target.get(), info.st_size, to);
  if (status.ok() && ::ftruncate(target.get(), info.st_size) < 0) status = PathError("truncate", to);
  if (!status.ok()) ::unlink(to.c_str());
  return status;
}

absl::StatusOr<std::int64_t> DiskUsage(const fs::path& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) < 0) return PathError("stat", path);
  return static_cast<std::int64_t>(info.st_blocks) * 512;
}

}  // namespace banger
