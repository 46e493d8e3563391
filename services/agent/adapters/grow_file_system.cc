#include "services/agent/adapters/grow_file_system.h"

#include <endian.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::agent {
namespace {

// EXT4_IOC_RESIZE_FS, which the C library's headers do not have.
constexpr unsigned long kResizeFs = _IOW('f', 16, std::uint64_t);
constexpr off_t kSuperblockAt = 1024;
constexpr std::uint16_t kMagic = 0xef53;
constexpr std::uint32_t k64Bit = 0x80;

struct Size {
  std::uint64_t blocks = 0;
  std::uint64_t block_bytes = 0;
};

std::uint32_t Word(const std::array<char, 1024>& superblock, std::size_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, superblock.data() + offset, sizeof word);
  return le32toh(word);
}

absl::StatusOr<Size> ReadSize(int disk, const std::string& device) {
  std::array<char, 1024> superblock{};
  const ssize_t n = ::pread(disk, superblock.data(), superblock.size(), kSuperblockAt);
  if (n != static_cast<ssize_t>(superblock.size()))
    return ErrnoError(errno, absl::StrCat("read '", device, "'"));
  if ((Word(superblock, 0x38) & 0xffff) != kMagic || Word(superblock, 0x18) > 6)
    return absl::DataLossError(absl::StrCat("'", device, "' has no ext4"));
  Size size{.blocks = Word(superblock, 0x4), .block_bytes = std::uint64_t{1024} << Word(superblock, 0x18)};
  if ((Word(superblock, 0x60) & k64Bit) != 0) size.blocks |= std::uint64_t{Word(superblock, 0x150)} << 32;
  return size;
}

}  // namespace

absl::Status GrowFileSystem(const std::string& device, const std::filesystem::path& mounted) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd disk, OpenFile(device, O_RDONLY));
  BANGER_ASSIGN_OR_RETURN(const Size now, ReadSize(disk.get(), device));
  std::uint64_t bytes = 0;
  if (::ioctl(disk.get(), BLKGETSIZE64, &bytes) < 0)
    return ErrnoError(errno, absl::StrCat("ask for the size of '", device, "'"));
  const std::uint64_t blocks = bytes / now.block_bytes;
  if (blocks <= now.blocks) return absl::OkStatus();
  BANGER_ASSIGN_OR_RETURN(const UniqueFd root, OpenFile(mounted, O_RDONLY | O_DIRECTORY));
  if (::ioctl(root.get(), kResizeFs, &blocks) < 0)
    return ErrnoError(errno, absl::StrCat("grow the file system of '", device, "' from ", now.blocks, " to ",
                                          blocks, " blocks"));
  return absl::OkStatus();
}

}  // namespace banger::agent
