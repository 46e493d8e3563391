#include "common/ext4/directory_blocks.h"

#include <ext2fs/ext2fs.h>

#include <cstring>

namespace banger::ext4 {
namespace {

constexpr std::size_t kTailBytes = sizeof(ext2_dir_entry_tail);
constexpr std::size_t kUsableBytes = kBlockSize - kTailBytes;

int FileType(Type type) {
  switch (type) {
    case Type::kFile:
      return EXT2_FT_REG_FILE;
    case Type::kDirectory:
      return EXT2_FT_DIR;
    case Type::kSymlink:
      return EXT2_FT_SYMLINK;
    case Type::kCharDevice:
      return EXT2_FT_CHRDEV;
    case Type::kBlockDevice:
      return EXT2_FT_BLKDEV;
    case Type::kFifo:
      return EXT2_FT_FIFO;
    case Type::kSocket:
      return EXT2_FT_SOCK;
  }
  return EXT2_FT_UNKNOWN;
}

// Entries one behind another; the last of each block reaches to its end.
class Packer {
 public:
  void Add(const Inode& inode, absl::string_view name) {
    const std::size_t length = (8 + name.size() + 3) / 4 * 4;
    if (blocks_.empty() || used_ + length > kUsableBytes) {
      CloseBlock();
      blocks_.resize(blocks_.size() + kBlockSize);
      used_ = 0;
    }
    last_ = blocks_.size() - kBlockSize + used_;
    ext2_dir_entry_2 entry{};
    entry.inode = inode.number;
    entry.rec_len = static_cast<__u16>(length);
    entry.name_len = static_cast<__u8>(name.size());
    entry.file_type = static_cast<__u8>(FileType(inode.type));
    std::memcpy(blocks_.data() + last_, &entry, 8);
    std::memcpy(blocks_.data() + last_ + 8, name.data(), name.size());
    used_ += length;
  }

  std::string Take() {
    CloseBlock();
    return std::move(blocks_);
  }

 private:
  void CloseBlock() {
    if (blocks_.empty()) return;
    const auto length = static_cast<__u16>(blocks_.size() - kTailBytes - last_);
    std::memcpy(blocks_.data() + last_ + offsetof(ext2_dir_entry_2, rec_len), &length, sizeof length);
  }

  std::string blocks_;
  std::size_t used_ = 0;  // of the last block
  std::size_t last_ = 0;  // where the last entry begins
};

}  // namespace

std::string PackDirectory(const Inode& directory, std::uint32_t checksum_seed) {
  Packer packer;
  packer.Add(directory, ".");
  packer.Add(*directory.details->parent, "..");
  for (const auto& [name, entry] : directory.details->entries) packer.Add(*entry.inode, name);
  std::string blocks = packer.Take();
  const __u32 number_and_generation[] = {directory.number, 0};
  const __u32 seed =
      ext2fs_crc32c_le(checksum_seed, reinterpret_cast<const unsigned char*>(number_and_generation),
                       sizeof number_and_generation);
  for (std::size_t begin = 0; begin < blocks.size(); begin += kBlockSize) {
    auto* const block = reinterpret_cast<unsigned char*>(blocks.data() + begin);
    ext2_dir_entry_tail tail{};
    tail.det_rec_len = kTailBytes;
    tail.det_reserved_name_len = EXT2_DIR_NAME_LEN_CSUM;
    tail.det_checksum = ext2fs_crc32c_le(seed, block, kUsableBytes);
    std::memcpy(block + kUsableBytes, &tail, sizeof tail);
  }
  return blocks;
}

}  // namespace banger::ext4
