// Where a file's content lies. Internal to this room.
#pragma once

#include <ext2fs/ext2fs.h>

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"

namespace banger::ext4 {

struct BlockRun {
  std::uint64_t logical = 0;  // in blocks from the file's begin
  std::uint64_t physical = 0;
  std::uint64_t count = 0;
};

// The written blocks of a file with extents or block maps, in rising order.
// DATA_LOSS, without the file's name, for what cannot be.
absl::StatusOr<std::vector<BlockRun>> BlockRunsOf(ext2_filsys fs, ext2_ino_t number, ext2_inode& inode);

}  // namespace banger::ext4
