#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/archive/compressor.h"
#include "common/archive/tar_writer.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/image_export.h"
#include "services/imaged/adapters/manifest.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

// Fast, and not much larger than what the slow levels make of a root file system.
constexpr int kZstdLevel = 3;

absl::StatusOr<std::vector<DataRange>> DataOf(int fd, std::int64_t size) {
  std::vector<DataRange> data;
  off_t at = 0;
  while (at < size) {
    const off_t begin = ::lseek(fd, at, SEEK_DATA);
    if (begin < 0 && errno == ENXIO) break;  // a hole up to the end
    if (begin < 0) return ErrnoError(errno, "seek in the root file system");
    at = std::min<off_t>(::lseek(fd, begin, SEEK_HOLE), size);
    if (at > begin) data.push_back({begin, at - begin});
  }
  return data;
}

absl::Status Copy(int fd, const DataRange& range, TarWriter& tar, const ExportJob& job, Progress& step) {
  std::vector<char> buffer(1 << 20);
  for (std::int64_t done = 0; done < range.size;) {
    if (job.stop.stop_requested()) return absl::CancelledError("the caller has left");
    const auto wanted =
        static_cast<std::size_t>(std::min(range.size - done, static_cast<std::int64_t>(buffer.size())));
    const ssize_t count = ::pread(fd, buffer.data(), wanted, range.offset + done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return ErrnoError(errno, "read the root file system");
    if (count == 0) return ImageCorrupt("the root file system became shorter");
    BANGER_RETURN_IF_ERROR(tar.Write(absl::string_view(buffer.data(), static_cast<std::size_t>(count))));
    done += count;
    step.done_bytes += count;
    job.progress(step);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status ExportBundle(const ExportJob& job, const ExportSink& sink) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd file, OpenFile(job.rootfs, O_RDONLY));
  struct stat info {};
  if (::fstat(file.get(), &info) != 0) return ErrnoError(errno, "stat the root file system");
  BANGER_ASSIGN_OR_RETURN(const std::vector<DataRange> data, DataOf(file.get(), info.st_size));
  ZstdCompressor zstd(sink, kZstdLevel);
  TarWriter tar([&zstd](absl::string_view bytes) { return zstd.Write(bytes); });
  const std::string manifest = FormatBundleManifest(job.image);
  const auto size = static_cast<std::int64_t>(manifest.size());
  BANGER_RETURN_IF_ERROR(tar.Begin({.path = "manifest.json", .mode = 0644, .size = size}, {{0, size}}));
  BANGER_RETURN_IF_ERROR(tar.Write(manifest));
  BANGER_RETURN_IF_ERROR(tar.Begin({.path = "rootfs.ext4", .mode = 0644, .size = info.st_size}, data));
  Progress step{.stage = "pack"};
  for (const DataRange& range : data) step.total_bytes += range.size;
  for (const DataRange& range : data) BANGER_RETURN_IF_ERROR(Copy(file.get(), range, tar, job, step));
  BANGER_RETURN_IF_ERROR(tar.Finish());
  return zstd.Finish();
}

}  // namespace banger::imaged
