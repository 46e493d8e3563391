#include "common/ext4/file_system.h"

#include <ext2fs/ext2fs.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/ext4/directory_blocks.h"
#include "common/ext4/inode_table.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::ext4 {
namespace {

constexpr std::uint32_t kInodeBytes = 256;
constexpr std::uint32_t kFirstInode = 11;

// What Finish works with, in the order it is made.
class Layout {
 public:
  Layout(const std::filesystem::path& path, BlockStream& blocks, const Options& options)
      : path_(path), blocks_(blocks), options_(options) {}
  ~Layout() {
    if (fs_ != nullptr) ext2fs_free(fs_);
  }

  absl::Status Write(Inode* root);

 private:
  absl::Status CheckOptions() const;
  void NumberInodes(Inode* root);
  void ChooseIdentity();
  absl::Status WriteDirectories();
  absl::Status Initialize();
  void FillSuperblock();
  absl::Status PlaceTables();
  void MarkInUse();
  absl::Status WriteInodes();
  absl::Status WriteExtents(const Inode& inode);
  absl::Status WriteXattrs(const Inode& inode);
  absl::Status AddJournal();
  absl::Status Close();

  absl::Status Error(errcode_t code, absl::string_view what) const;
  absl::Status TooSmall() const;

  const std::filesystem::path& path_;
  BlockStream& blocks_;
  const Options& options_;
  __u8 uuid_[16]{};
  std::vector<Inode*> inodes_;
  ext2_filsys fs_ = nullptr;
};

absl::Status Layout::Error(errcode_t code, absl::string_view what) const {
  if (code == 0) return absl::OkStatus();
  const std::string context = absl::StrCat(what, " of '", path_.string(), "'");
  if (code < 256) return ErrnoError(static_cast<int>(code), context);
  if (code == EXT2_ET_BLOCK_ALLOC_FAIL) return TooSmall();
  if (code == EXT2_ET_NO_MEMORY)
    return absl::ResourceExhaustedError(absl::StrCat(context, ": out of memory"));
  return absl::InternalError(absl::StrCat(context, ": libext2fs error ", code - EXT2_ET_BASE));
}

absl::Status Layout::TooSmall() const {
  return absl::OutOfRangeError(absl::StrCat("a file system of ", options_.size_bytes,
                                            " bytes is too small for content up to byte ",
                                            blocks_.end() * kBlockSize));
}

absl::Status Layout::CheckOptions() const {
  if (options_.size_bytes > kMaxFileSystemBytes || options_.size_bytes < (1 << 20))
    return absl::OutOfRangeError(absl::StrCat("a file system of ", options_.size_bytes, " bytes; 1 MiB to ",
                                              kMaxFileSystemBytes, " can be"));
  if (options_.label.size() > EXT2_LABEL_LEN)
    return absl::InvalidArgumentError(absl::StrCat("label '", options_.label, "' has more than 16 bytes"));
  if (options_.journal_mib != 0 && (options_.journal_mib < 4 || options_.journal_mib > 1024))
    return absl::InvalidArgumentError(
        absl::StrCat("a journal of ", options_.journal_mib, " MiB; 4 to 1024 can be"));
  if (options_.bytes_per_inode < kBlockSize / 4)
    return absl::InvalidArgumentError(absl::StrCat("one inode for ", options_.bytes_per_inode, " bytes"));
  return absl::OkStatus();
}

absl::Status Layout::Write(Inode* root) {
  BANGER_RETURN_IF_ERROR(CheckOptions());
  ChooseIdentity();
  NumberInodes(root);
  BANGER_RETURN_IF_ERROR(WriteDirectories());
  BANGER_RETURN_IF_ERROR(blocks_.Flush());
  BANGER_RETURN_IF_ERROR(Initialize());
  BANGER_RETURN_IF_ERROR(PlaceTables());
  MarkInUse();
  BANGER_RETURN_IF_ERROR(WriteInodes());
  BANGER_RETURN_IF_ERROR(AddJournal());
  return Close();
}

void Layout::ChooseIdentity() {
  // Never short or interrupted for 16 bytes once the host's pool is there.
  while (::getrandom(uuid_, sizeof uuid_, 0) != sizeof uuid_) {
  }
  uuid_[6] = static_cast<__u8>((uuid_[6] & 0x0f) | 0x40);  // RFC 4122, version 4
  uuid_[8] = static_cast<__u8>((uuid_[8] & 0x3f) | 0x80);
}

// Breadth first, so that the inodes of one directory are neighbours.
void Layout::NumberInodes(Inode* root) {
  root->number = EXT2_ROOT_INO;
  inodes_.push_back(root);
  std::uint32_t next = kFirstInode;
  for (std::size_t i = 0; i < inodes_.size(); ++i) {
    if (inodes_[i]->type != Type::kDirectory) continue;
    for (const auto& [name, entry] : inodes_[i]->details->entries) {
      if (entry.inode->number != 0) continue;  // a hard link seen before
      entry.inode->number = next++;
      inodes_.push_back(entry.inode);
    }
  }
}

// Checksums of metadata begin with the file system's UUID.
absl::Status Layout::WriteDirectories() {
  const __u32 seed = ext2fs_crc32c_le(~0U, uuid_, sizeof uuid_);
  for (Inode* inode : inodes_) {
    if (inode->type != Type::kDirectory) continue;
    const std::string packed = PackDirectory(*inode, seed);
    inode->size = static_cast<std::int64_t>(packed.size());
    absl::string_view rest = packed;
    for (std::uint64_t placed = 0; !rest.empty();) {
      BANGER_ASSIGN_OR_RETURN(const BlockStream::Run run, blocks_.Allocate(rest.size() / kBlockSize));
      AppendBlocks(*inode, placed, run.first, run.count);
      BANGER_RETURN_IF_ERROR(blocks_.Write(rest.substr(0, run.count * kBlockSize)));
      rest.remove_prefix(run.count * kBlockSize);
      placed += run.count;
    }
  }
  return absl::OkStatus();
}

absl::Status Layout::Initialize() {
  const std::int64_t size = options_.size_bytes / kBlockSize * kBlockSize;
  if (static_cast<std::int64_t>(blocks_.end()) * kBlockSize > size) return TooSmall();
  if (::ftruncate(blocks_.fd(), size) != 0) return Error(errno, "set the size");
  ext2_super_block wish{};
  wish.s_rev_level = EXT2_DYNAMIC_REV;
  wish.s_log_block_size = 2;
  wish.s_inode_size = kInodeBytes;
  ext2fs_blocks_count_set(&wish, static_cast<blk64_t>(size / kBlockSize));
  const std::uint64_t needed = inodes_.size() + kFirstInode + 64;
  wish.s_inodes_count = static_cast<__u32>(
      std::max<std::uint64_t>(needed, static_cast<std::uint64_t>(size / options_.bytes_per_inode)));
  wish.s_feature_compat = EXT2_FEATURE_COMPAT_EXT_ATTR | EXT2_FEATURE_COMPAT_DIR_INDEX;
  wish.s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE | EXT3_FEATURE_INCOMPAT_EXTENTS |
                            EXT4_FEATURE_INCOMPAT_FLEX_BG | EXT4_FEATURE_INCOMPAT_64BIT;
  wish.s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_SPARSE_SUPER | EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
                             EXT4_FEATURE_RO_COMPAT_HUGE_FILE | EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
                             EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE | EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
  wish.s_log_groups_per_flex = 4;
  wish.s_desc_size = EXT2_MIN_DESC_SIZE_64BIT;
  BANGER_RETURN_IF_ERROR(
      Error(ext2fs_initialize(path_.c_str(), EXT2_FLAG_64BITS | EXT2_FLAG_RW, &wish, unix_io_manager, &fs_),
            "lay out the file system"));
  FillSuperblock();
  return absl::OkStatus();
}

void Layout::FillSuperblock() {
  ext2_super_block& super = *fs_->super;
  std::memcpy(super.s_uuid, uuid_, sizeof super.s_uuid);
  std::memcpy(super.s_hash_seed, super.s_uuid, sizeof super.s_hash_seed);
  super.s_checksum_type = EXT2_CRC32C_CHKSUM;
  ext2fs_init_csum_seed(fs_);
  super.s_def_hash_version = EXT2_HASH_HALF_MD4;
  super.s_flags |= EXT2_FLAGS_SIGNED_HASH;
  super.s_max_mnt_count = -1;
  super.s_min_extra_isize = sizeof(ext2_inode_large) - EXT2_GOOD_OLD_INODE_SIZE;
  super.s_want_extra_isize = super.s_min_extra_isize;
  super.s_default_mount_opts = EXT2_DEFM_XATTR_USER | EXT2_DEFM_ACL;
  super.s_mkfs_time = super.s_wtime = static_cast<__u32>(::time(nullptr));
  super.s_lastcheck = super.s_mkfs_time;
  options_.label.copy(reinterpret_cast<char*>(super.s_volume_name), EXT2_LABEL_LEN);
}

// All tables in one run behind the contents; flex_bg lets them be anywhere. The
// file is sparse there, so the inode tables are zeroed already and the guest's
// kernel need not do it.
absl::Status Layout::PlaceTables() {
  for (dgrp_t group = 0; group < fs_->group_desc_count; ++group)
    ext2fs_bg_flags_set(fs_, group, EXT2_BG_INODE_ZEROED);
  blk64_t goal = blocks_.end();
  const auto place = [this, &goal](blk64_t count, blk64_t& first) -> absl::Status {
    errcode_t code = ext2fs_get_free_blocks2(fs_, goal, ext2fs_blocks_count(fs_->super) - 1,
                                             static_cast<int>(count), fs_->block_map, &first);
    BANGER_RETURN_IF_ERROR(Error(code, "place the tables"));
    ext2fs_block_alloc_stats_range(fs_, first, static_cast<blk_t>(count), +1);
    goal = first + count;
    return absl::OkStatus();
  };
  blk64_t first = 0;
  for (dgrp_t group = 0; group < fs_->group_desc_count; ++group) {
    BANGER_RETURN_IF_ERROR(place(1, first));
    ext2fs_block_bitmap_loc_set(fs_, group, first);
  }
  for (dgrp_t group = 0; group < fs_->group_desc_count; ++group) {
    BANGER_RETURN_IF_ERROR(place(1, first));
    ext2fs_inode_bitmap_loc_set(fs_, group, first);
  }
  for (dgrp_t group = 0; group < fs_->group_desc_count; ++group) {
    BANGER_RETURN_IF_ERROR(place(fs_->inode_blocks_per_group, first));
    ext2fs_inode_table_loc_set(fs_, group, first);
  }
  return absl::OkStatus();
}

void Layout::MarkInUse() {
  // Neighbours together: contents lie in a row, in another order than the inodes.
  std::vector<std::pair<blk64_t, blk_t>> ranges;
  ranges.reserve(inodes_.size());
  for (const Inode* inode : inodes_)
    ForEachExtent(*inode,
                  [&ranges](const Extent& extent) { ranges.emplace_back(extent.physical, extent.count); });
  std::sort(ranges.begin(), ranges.end());
  for (std::size_t i = 0, next = 0; i < ranges.size(); i = next) {
    auto [first, count] = ranges[i];
    for (next = i + 1; next < ranges.size() && ranges[next].first == first + count; ++next)
      count += ranges[next].second;
    ext2fs_block_alloc_stats_range(fs_, first, count, +1);
  }
  for (ext2_ino_t number = 1; number < kFirstInode; ++number)
    if (number != EXT2_ROOT_INO) ext2fs_inode_alloc_stats2(fs_, number, +1, 0);
  for (const Inode* inode : inodes_)
    ext2fs_inode_alloc_stats2(fs_, inode->number, +1, inode->type == Type::kDirectory);
}

// The simple ones at once and in a row; the others then through the library, which
// has not seen the tables before.
absl::Status Layout::WriteInodes() {
  InodeTable table(fs_, blocks_);
  for (const Inode* inode : inodes_) BANGER_RETURN_IF_ERROR(table.Put(inode->number, MakeRawInode(*inode)));
  BANGER_RETURN_IF_ERROR(table.Flush());
  for (const Inode* inode : inodes_) {
    if (!HasSimpleExtents(*inode)) BANGER_RETURN_IF_ERROR(WriteExtents(*inode));
    if (inode->details != nullptr && !inode->details->xattrs.empty())
      BANGER_RETURN_IF_ERROR(WriteXattrs(*inode));
  }
  return absl::OkStatus();
}

// An extent tree with blocks of its own.
absl::Status Layout::WriteExtents(const Inode& inode) {
  ext2_inode_large raw = MakeRawInode(inode);
  raw.i_flags |= EXT4_EXTENTS_FL;
  auto* const small = reinterpret_cast<ext2_inode*>(&raw);
  ext2_extent_handle_t handle = nullptr;
  BANGER_RETURN_IF_ERROR(Error(ext2fs_extent_open2(fs_, inode.number, small, &handle), "open the extents"));
  errcode_t code = 0;
  blk64_t count = 0;
  ForEachExtent(inode, [&](const Extent& extent) {
    if (code != 0) return;
    ext2fs_extent entry{};
    entry.e_lblk = extent.logical;
    entry.e_pblk = extent.physical;
    entry.e_len = extent.count;
    count += extent.count;
    code = ext2fs_extent_insert(handle, EXT2_EXTENT_INSERT_AFTER, &entry);
  });
  ext2fs_extent_free(handle);
  BANGER_RETURN_IF_ERROR(Error(code, "write the extents"));
  BANGER_RETURN_IF_ERROR(Error(ext2fs_iblk_add_blocks(fs_, small, count), "count the blocks"));
  return Error(ext2fs_write_inode_full(fs_, inode.number, small, sizeof raw), "write an inode");
}

absl::Status Layout::WriteXattrs(const Inode& inode) {
  ext2_xattr_handle* handle = nullptr;
  BANGER_RETURN_IF_ERROR(Error(ext2fs_xattrs_open(fs_, inode.number, &handle), "open the xattrs"));
  errcode_t code = ext2fs_xattrs_read(handle);
  std::string failed;
  for (const auto& [name, value] : inode.details->xattrs) {
    if (code != 0) break;
    failed = name;
    code = ext2fs_xattr_set(handle, name.c_str(), value.data(), value.size());
  }
  ext2fs_xattrs_close(&handle);
  return Error(code, absl::StrCat("write xattr '", failed, "'"));
}

absl::Status Layout::AddJournal() {
  if (options_.journal_mib == 0) return absl::OkStatus();
  const blk_t count = static_cast<blk_t>(options_.journal_mib) * (1 << 20) / kBlockSize;
  return Error(ext2fs_add_journal_inode(fs_, count, EXT2_MKJOURNAL_LAZYINIT | EXT2_MKJOURNAL_NO_MNT_CHECK),
               "add a journal");
}

absl::Status Layout::Close() {
  fs_->super->s_state |= EXT2_VALID_FS;
  fs_->flags &= ~EXT2_FLAG_SUPER_ONLY;
  for (dgrp_t group = 0; group < fs_->group_desc_count; ++group) ext2fs_group_desc_csum_set(fs_, group);
  // This flushes to disk too; the descriptor of the contents is another one of the same file.
  return Error(ext2fs_close_free(&fs_), "write the tables");
}

}  // namespace

absl::Status WriteFileSystem(const std::filesystem::path& path, BlockStream& blocks, Inode* root,
                             const Options& options) {
  return Layout(path, blocks, options).Write(root);
}

}  // namespace banger::ext4
