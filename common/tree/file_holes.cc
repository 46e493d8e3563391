#include "common/tree/file_holes.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

namespace banger {
namespace {

constexpr std::int64_t kBlock = 512;
constexpr std::int64_t kSmallHole = 64 << 10;

}  // namespace

std::vector<DataRange> DataRangesOf(int fd, std::int64_t size) {
  const std::vector<DataRange> all = {{0, size}};
  struct stat info {};
  if (size == 0 || ::fstat(fd, &info) < 0 || info.st_blocks * kBlock >= size) return all;
  std::vector<DataRange> ranges;
  for (std::int64_t at = 0; at < size;) {
    const off_t data = ::lseek(fd, at, SEEK_DATA);
    if (data < 0 && errno == ENXIO) break;
    const off_t hole = data < 0 ? -1 : ::lseek(fd, data, SEEK_HOLE);
    if (hole < 0) return all;
    const std::int64_t begin = data / kBlock * kBlock;
    const std::int64_t end = std::min<std::int64_t>(size, (hole + kBlock - 1) / kBlock * kBlock);
    if (begin >= size) break;
    if (!ranges.empty() && begin - (ranges.back().offset + ranges.back().size) < kSmallHole)
      ranges.back().size = end - ranges.back().offset;
    else
      ranges.push_back({begin, end - begin});
    at = end;
  }
  return ranges;
}

}  // namespace banger
