#include "common/ext4/block_stream.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/ext4/inode.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::ext4 {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

bool IsPowerOf(std::uint64_t base, std::uint64_t number) {
  while (number > 1 && number % base == 0) number /= base;
  return number == 1;
}

}  // namespace

bool GroupHasSuperblock(std::uint64_t group) {
  return group <= 1 || IsPowerOf(3, group) || IsPowerOf(5, group) || IsPowerOf(7, group);
}

BlockStream::BlockStream(std::filesystem::path path, UniqueFd fd)
    : path_(std::move(path)), fd_(std::move(fd)), buffer_(std::make_unique<char[]>(kBufferBytes)) {}

absl::StatusOr<BlockStream::Run> BlockStream::Allocate(std::uint64_t wanted) {
  const std::uint64_t group = next_ / kBlocksPerGroup;
  if (GroupHasSuperblock(group)) next_ = std::max(next_, group * kBlocksPerGroup + kReservedBlocks);
  std::uint64_t limit = (group + 1) * kBlocksPerGroup;
  if (!GroupHasSuperblock(group + 1)) limit += kBlocksPerGroup;
  const Run run{next_, std::min(wanted, limit - next_)};
  if (run.first * kBlockSize >= static_cast<std::uint64_t>(kMaxFileSystemBytes))
    return absl::OutOfRangeError(
        absl::StrCat("'", path_.string(), "': more than ", kMaxFileSystemBytes, " bytes of content"));
  if (buffer_offset_ + buffered_ != run.first * kBlockSize) {
    BANGER_RETURN_IF_ERROR(Flush());
    buffer_offset_ = run.first * kBlockSize;
  }
  next_ += run.count;
  return run;
}

absl::Status BlockStream::Write(absl::string_view data) {
  while (!data.empty()) {
    // Large pieces need not pass through the buffer.
    if (buffered_ == 0 && data.size() >= kBufferBytes) {
      const std::size_t size = data.size() / kBlockSize * kBlockSize;
      BANGER_RETURN_IF_ERROR(WriteAt(data.substr(0, size), buffer_offset_));
      buffer_offset_ += size;
      data.remove_prefix(size);
      continue;
    }
    const std::size_t size = std::min(data.size(), kBufferBytes - buffered_);
    std::memcpy(buffer_.get() + buffered_, data.data(), size);
    buffered_ += size;
    data.remove_prefix(size);
    if (buffered_ == kBufferBytes) BANGER_RETURN_IF_ERROR(Flush());
  }
  return absl::OkStatus();
}

absl::Status BlockStream::Flush() {
  BANGER_RETURN_IF_ERROR(WriteAt(absl::string_view(buffer_.get(), buffered_), buffer_offset_));
  buffer_offset_ += buffered_;
  buffered_ = 0;
  return absl::OkStatus();
}

absl::Status BlockStream::Discard(std::uint64_t first, std::uint64_t count) {
  BANGER_RETURN_IF_ERROR(Flush());
  ::fallocate(fd_.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, static_cast<off_t>(first * kBlockSize),
              static_cast<off_t>(count * kBlockSize));
  return absl::OkStatus();
}

absl::Status BlockStream::WriteAt(absl::string_view data, std::uint64_t offset) {
  while (!data.empty()) {
    const ssize_t n = ::pwrite(fd_.get(), data.data(), data.size(), static_cast<off_t>(offset));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return ErrnoError(errno, absl::StrCat("write '", path_.string(), "'"));
    data.remove_prefix(static_cast<std::size_t>(n));
    offset += static_cast<std::uint64_t>(n);
  }
  return absl::OkStatus();
}

}  // namespace banger::ext4
