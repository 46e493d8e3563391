#include "services/imaged/adapters/sparse_file.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr std::size_t kBlock = 4096;

bool IsZero(absl::string_view data) {
  return data.empty() || (data[0] == 0 && std::memcmp(data.data(), data.data() + 1, data.size() - 1) == 0);
}

absl::Status Failed(int error, const std::filesystem::path& path, absl::string_view what) {
  const absl::Status status = ErrnoError(error, absl::StrCat(what, " '", path.string(), "'"));
  return absl::IsResourceExhausted(status) ? DiskFull(status.message()) : status;
}

}  // namespace

absl::StatusOr<SparseFile> SparseFile::Create(const std::filesystem::path& path) {
  absl::StatusOr<UniqueFd> fd = OpenFile(path, O_WRONLY | O_CREAT | O_EXCL);
  if (absl::IsResourceExhausted(fd.status())) return DiskFull(fd.status().message());
  BANGER_RETURN_IF_ERROR(fd.status());
  return SparseFile(path, *std::move(fd));
}

// Runs of blocks with something in them are written in one piece.
absl::Status SparseFile::Write(std::int64_t offset, absl::string_view data) {
  std::size_t begin = 0;  // of what is to be written
  std::size_t at = 0;
  while (at < data.size()) {
    const std::size_t in_block = static_cast<std::size_t>(offset + static_cast<std::int64_t>(at)) % kBlock;
    const std::size_t size = std::min(kBlock - in_block, data.size() - at);
    if (IsZero(data.substr(at, size))) {
      BANGER_RETURN_IF_ERROR(
          WriteAt(offset + static_cast<std::int64_t>(begin), data.substr(begin, at - begin)));
      begin = at + size;
    }
    at += size;
  }
  return WriteAt(offset + static_cast<std::int64_t>(begin), data.substr(begin));
}

absl::Status SparseFile::WriteAt(std::int64_t offset, absl::string_view data) {
  while (!data.empty()) {
    const ssize_t count = ::pwrite(fd_.get(), data.data(), data.size(), offset);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Failed(errno, path_, "write");
    data.remove_prefix(static_cast<std::size_t>(count));
    offset += count;
  }
  return absl::OkStatus();
}

bool SparseFile::CloneFrom(int fd) { return ::ioctl(fd_.get(), FICLONE, fd) == 0; }

absl::Status SparseFile::Finish(std::int64_t size) {
  if (::ftruncate(fd_.get(), size) != 0) return Failed(errno, path_, "truncate");
  if (::fsync(fd_.get()) != 0) return Failed(errno, path_, "fsync");
  return absl::OkStatus();
}

}  // namespace banger::imaged
