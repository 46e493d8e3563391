#include "common/ext4/inode_table.h"

#include <algorithm>
#include <cstring>

#include "common/status/status_macros.h"

namespace banger::ext4 {
namespace {

constexpr std::size_t kBufferBytes = 256 << 10;
constexpr std::uint32_t kMaxDirectoryLinks = 65000;
constexpr std::size_t kInlineExtents = 4;

__u16 TypeBits(Type type) {
  switch (type) {
    case Type::kFile:
      return LINUX_S_IFREG;
    case Type::kDirectory:
      return LINUX_S_IFDIR;
    case Type::kSymlink:
      return LINUX_S_IFLNK;
    case Type::kCharDevice:
      return LINUX_S_IFCHR;
    case Type::kBlockDevice:
      return LINUX_S_IFBLK;
    case Type::kFifo:
      return LINUX_S_IFIFO;
    case Type::kSocket:
      return LINUX_S_IFSOCK;
  }
  return 0;
}

std::uint32_t LinkCount(const Inode& inode) {
  if (inode.type != Type::kDirectory) return inode.names;
  std::uint32_t links = 2;
  for (const auto& [name, entry] : inode.details->entries)
    if (entry.inode->type == Type::kDirectory) ++links;
  return links > kMaxDirectoryLinks ? 1 : links;  // 1: uncounted (dir_nlink)
}

void SetTimes(const Inode& inode, ext2_inode_large& raw) {
  const std::int64_t seconds = inode.mtime_seconds;
  const auto low = static_cast<std::int32_t>(seconds);
  const auto epoch = static_cast<__u32>((seconds - low) >> 32) & 3;
  const __u32 extra = epoch | inode.mtime_nanoseconds << 2;
  raw.i_atime = raw.i_ctime = raw.i_mtime = raw.i_crtime = static_cast<__u32>(low);
  raw.i_atime_extra = raw.i_ctime_extra = raw.i_mtime_extra = raw.i_crtime_extra = extra;
}

void SetDevice(const Inode& inode, ext2_inode_large& raw) {
  const std::uint32_t major = inode.details->device_major;
  const std::uint32_t minor = inode.details->device_minor;
  if (major < 256 && minor < 256)
    raw.i_block[0] = major << 8 | minor;
  else
    raw.i_block[1] = (minor & 0xff) | major << 8 | (minor & ~0xffU) << 12;
}

// An extent tree that fits into the inode, and the count of 512-byte sectors.
void SetExtents(const Inode& inode, ext2_inode_large& raw) {
  raw.i_flags |= EXT4_EXTENTS_FL;
  ext3_extent_header header{};
  header.eh_magic = EXT3_EXT_MAGIC;
  header.eh_max = kInlineExtents;
  ext3_extent extents[kInlineExtents]{};
  std::uint64_t blocks = 0;
  ForEachExtent(inode, [&](const Extent& extent) {
    ext3_extent& entry = extents[header.eh_entries++];
    entry.ee_block = extent.logical;
    entry.ee_len = static_cast<__u16>(extent.count);
    entry.ee_start = extent.physical;
    blocks += extent.count;
  });
  char* const tree = reinterpret_cast<char*>(raw.i_block);
  std::memcpy(tree, &header, sizeof header);
  std::memcpy(tree + sizeof header, extents, sizeof extents);
  const std::uint64_t sectors = blocks * (kBlockSize / 512);
  raw.i_blocks = static_cast<__u32>(sectors);
  raw.osd2.linux2.l_i_blocks_hi = static_cast<__u16>(sectors >> 32);
}

}  // namespace

bool HasSimpleExtents(const Inode& inode) {
  return inode.details == nullptr || inode.details->more_extents.size() < kInlineExtents;
}

ext2_inode_large MakeRawInode(const Inode& inode) {
  ext2_inode_large raw{};
  raw.i_extra_isize = sizeof raw - EXT2_GOOD_OLD_INODE_SIZE;
  raw.i_mode = static_cast<__u16>(TypeBits(inode.type) | inode.mode);
  raw.i_uid = static_cast<__u16>(inode.uid);
  raw.osd2.linux2.l_i_uid_high = static_cast<__u16>(inode.uid >> 16);
  raw.i_gid = static_cast<__u16>(inode.gid);
  raw.osd2.linux2.l_i_gid_high = static_cast<__u16>(inode.gid >> 16);
  SetTimes(inode, raw);
  raw.i_links_count = static_cast<__u16>(LinkCount(inode));
  raw.i_size = static_cast<__u32>(inode.size);
  raw.i_size_high = static_cast<__u32>(inode.size >> 32);
  const bool inline_symlink = inode.type == Type::kSymlink && inode.first_extent.count == 0;
  if (inode.type == Type::kCharDevice || inode.type == Type::kBlockDevice)
    SetDevice(inode, raw);
  else if (inline_symlink)
    inode.details->target.copy(reinterpret_cast<char*>(raw.i_block), sizeof raw.i_block);
  else if (inode.type != Type::kFifo && inode.type != Type::kSocket && HasSimpleExtents(inode))
    SetExtents(inode, raw);
  return raw;
}

absl::Status InodeTable::Put(std::uint32_t number, ext2_inode_large raw) {
  // The inodes are larger than what the structure covers.
  const auto size = static_cast<std::size_t>(EXT2_INODE_SIZE(fs_->super));
  const std::uint64_t offset = OffsetOf(number);
  if (offset != begin_ + buffer_.size() || buffer_.size() >= kBufferBytes) {
    BANGER_RETURN_IF_ERROR(Flush());
    begin_ = offset;
  }
  const std::size_t at = buffer_.size();
  buffer_.resize(at + size);
  std::memcpy(buffer_.data() + at, &raw, sizeof raw);
  ext2fs_inode_csum_set(fs_, number, reinterpret_cast<ext2_inode_large*>(buffer_.data() + at));
  return absl::OkStatus();
}

absl::Status InodeTable::Flush() {
  BANGER_RETURN_IF_ERROR(blocks_.WriteAt(buffer_, begin_));
  begin_ += buffer_.size();
  buffer_.clear();
  return absl::OkStatus();
}

std::uint64_t InodeTable::OffsetOf(std::uint32_t number) const {
  const std::uint32_t per_group = fs_->super->s_inodes_per_group;
  const std::uint32_t group = (number - 1) / per_group;
  const std::uint64_t index = (number - 1) % per_group;
  return ext2fs_inode_table_loc(fs_, group) * kBlockSize + index * EXT2_INODE_SIZE(fs_->super);
}

}  // namespace banger::ext4
