// Inodes as they stand on disk. Internal to this room.
#pragma once

#include <ext2fs/ext2fs.h>

#include <string>

#include "absl/status/status.h"
#include "common/ext4/block_stream.h"
#include "common/ext4/inode.h"

namespace banger::ext4 {

// All but the xattrs, and the extents of files with more than four, which need
// blocks of their own.
ext2_inode_large MakeRawInode(const Inode& inode);

bool HasSimpleExtents(const Inode& inode);

// Writes inodes of growing numbers into the tables of a file system, in large
// pieces.
class InodeTable {
 public:
  // Both must outlive it; the groups must have their tables.
  InodeTable(ext2_filsys fs, BlockStream& blocks) : fs_(fs), blocks_(blocks) {}

  absl::Status Put(std::uint32_t number, ext2_inode_large raw);
  absl::Status Flush();

 private:
  std::uint64_t OffsetOf(std::uint32_t number) const;

  ext2_filsys fs_;
  BlockStream& blocks_;
  std::string buffer_;
  std::uint64_t begin_ = 0;  // of the buffer, in the file
};

}  // namespace banger::ext4
