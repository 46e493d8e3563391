#include "services/imaged/adapters/in_place_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/os/open_beneath.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/ready_rootfs.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr std::size_t kPiece = 1 << 20;

std::string Shown(const std::filesystem::path& path) { return PrintableArchivePath(path.string()); }

// No part of the path may be a symlink, so nobody can bend it on the way; a fifo
// does not hold us up.
absl::StatusOr<UniqueFd> OpenWithoutSymlinks(const std::filesystem::path& path) {
  UniqueFd fd(OpenResolving(AT_FDCWD, path.string(), O_RDONLY | O_NONBLOCK | O_NOCTTY,
                            RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS));
  if (fd.valid()) return fd;
  if (errno == ELOOP)
    return absl::FailedPreconditionError(
        absl::StrCat("'", Shown(path), "' or a directory of it is a symlink"));
  return ErrnoError(errno, absl::StrCat("open '", Shown(path), "'"));
}

absl::StatusOr<struct stat> Stat(int fd, const std::filesystem::path& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) return ErrnoError(errno, absl::StrCat("stat '", Shown(path), "'"));
  return info;
}

InPlaceFile IdentityOf(const std::filesystem::path& path, const struct stat& info) {
  return {.path = path,
          .device = info.st_dev,
          .inode = info.st_ino,
          .size_bytes = info.st_size,
          .mtime_nanoseconds = std::int64_t{1'000'000'000} * info.st_mtim.tv_sec + info.st_mtim.tv_nsec};
}

bool IsBelow(const std::filesystem::path& path, const std::filesystem::path& directory) {
  return absl::StartsWith(path.string(), absl::StrCat(directory.string(), "/"));
}

// The configured directory that the path lies below, as written there.
absl::StatusOr<std::filesystem::path> AllowedDirectory(
    const std::filesystem::path& path, const std::vector<std::filesystem::path>& directories) {
  if (!path.is_absolute() || path != path.lexically_normal())
    return RequestInvalid("rootfs_path",
                          absl::StrCat("'", Shown(path), "' is not an absolute path without '..'"));
  for (const std::filesystem::path& directory : directories)
    if (IsBelow(path, directory)) return directory;
  return PathNotAllowed(Shown(path), "lies below no directory of [images] in_place_dirs");
}

absl::Status CheckOwner(const std::filesystem::path& path, const struct stat& info,
                        const std::filesystem::path& directory) {
  struct stat parent {};
  if (::stat(directory.c_str(), &parent) != 0)
    return ErrnoError(errno, absl::StrCat("stat '", directory.string(), "'"));
  if (info.st_uid != 0 && info.st_uid != ::geteuid() && info.st_uid != parent.st_uid)
    return PathNotAllowed(Shown(path), absl::StrCat("belongs to user ", info.st_uid, ", who does not own '",
                                                    directory.string(), "'"));
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return PathNotAllowed(Shown(path), "can be written to by others than its owner");
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<UniqueFd> OpenUnchanged(const InPlaceFile& file) {
  absl::StatusOr<UniqueFd> fd = OpenWithoutSymlinks(file.path);
  if (!fd.ok()) return ImageCorrupt(absl::StrCat("the image's own file is gone: ", fd.status().message()));
  BANGER_ASSIGN_OR_RETURN(const struct stat info, Stat(fd->get(), file.path));
  if (!(IdentityOf(file.path, info) == file))
    return ImageCorrupt(
        absl::StrCat("'", Shown(file.path),
                     "' has changed since it was registered; delete the image and register it again"));
  return fd;
}

absl::StatusOr<BuiltRootfs> InPlaceBuilder::Build(const std::filesystem::path&, std::int64_t wanted_bytes,
                                                  const std::stop_token&) {
  BANGER_RETURN_IF_ERROR(CheckKeepsSize(wanted_bytes));
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path directory, AllowedDirectory(path_, directories_));
  const absl::StatusOr<UniqueFd> fd = OpenWithoutSymlinks(path_);
  if (!fd.ok()) return PathNotAllowed(Shown(path_), absl::StrCat("cannot be used: ", fd.status().message()));
  BANGER_ASSIGN_OR_RETURN(const struct stat info, Stat(fd->get(), path_));
  if (!S_ISREG(info.st_mode)) return PathNotAllowed(Shown(path_), "is not a regular file");
  BANGER_RETURN_IF_ERROR(CheckOwner(path_, info, directory));
  // Through the descriptor: it is this file that was looked at.
  BANGER_ASSIGN_OR_RETURN(BuiltRootfs built, InspectRootfs(absl::StrCat("/proc/self/fd/", fd->get())));
  built.in_place = IdentityOf(path_, info);
  return built;
}

absl::StatusOr<BuiltRootfs> InPlaceCopier::Build(const std::filesystem::path& rootfs, std::int64_t,
                                                 const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd from, OpenUnchanged(file_));
  BANGER_ASSIGN_OR_RETURN(SparseFile to, SparseFile::Create(rootfs));
  if (!to.CloneFrom(from.get())) BANGER_RETURN_IF_ERROR(CopyData(from.get(), to, stop));
  BANGER_RETURN_IF_ERROR(to.Finish(file_.size_bytes));
  // Who wrote to it meanwhile has made the copy worthless.
  BANGER_RETURN_IF_ERROR(OpenUnchanged(file_).status());
  return InspectRootfs(rootfs);
}

absl::Status InPlaceCopier::CopyData(int from, SparseFile& to, const std::stop_token& stop) {
  const std::string what = absl::StrCat("read '", Shown(file_.path), "'");
  std::vector<char> buffer(kPiece);
  off_t at = 0;
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("the caller has left");
    const off_t data = ::lseek(from, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) return absl::OkStatus();  // a hole up to the end
    if (data < 0) return ErrnoError(errno, what);
    const ssize_t count = ::pread(from, buffer.data(), buffer.size(), data);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, what);
    if (count == 0) return absl::OkStatus();
    BANGER_RETURN_IF_ERROR(to.Write(data, absl::string_view(buffer.data(), static_cast<std::size_t>(count))));
    at = data + count;
    progress_({.stage = "copy", .done_bytes = at, .total_bytes = file_.size_bytes});
  }
}

}  // namespace banger::imaged
