#include "services/vmd/adapters/dig_holes.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::vmd {
namespace {

// Smaller holes would cost more than they give.
constexpr std::size_t kBlock = 64 << 10;

bool IsZero(const std::vector<char>& data, ssize_t size) {
  return std::all_of(data.begin(), data.begin() + size, [](char byte) { return byte == 0; });
}

}  // namespace

absl::Status DigHoles(const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDWR));
  std::vector<char> block(kBlock);
  for (off_t offset = 0;;) {
    offset = ::lseek(fd.get(), offset, SEEK_DATA);
    if (offset < 0) break;
    offset -= offset % static_cast<off_t>(kBlock);
    const ssize_t n = ::pread(fd.get(), block.data(), block.size(), offset);
    if (n < 0) return ErrnoError(errno, absl::StrCat("read '", path.string(), "'"));
    if (n == 0) return absl::OkStatus();
    if (IsZero(block, n) &&
        ::fallocate(fd.get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, offset, n) < 0) {
      if (errno == EOPNOTSUPP) return absl::OkStatus();
      return ErrnoError(errno, absl::StrCat("free blocks of '", path.string(), "'"));
    }
    offset += n;
  }
  return errno == ENXIO ? absl::OkStatus() : ErrnoError(errno, absl::StrCat("read '", path.string(), "'"));
}

}  // namespace banger::vmd
