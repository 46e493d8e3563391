// Everything of a file system but the contents of its files, by libext2fs.
// Internal to this room.
#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "common/ext4/block_stream.h"
#include "common/ext4/inode.h"

namespace banger::ext4 {

// Gives the tree its inode numbers, and writes superblock, tables, directories,
// inodes and journal around the contents that `blocks` holds.
absl::Status WriteFileSystem(const std::filesystem::path& path, BlockStream& blocks, Inode* root,
                             const Options& options);

}  // namespace banger::ext4
