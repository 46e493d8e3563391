// A directory as it stands on disk. Internal to this room.
#pragma once

#include <cstdint>
#include <string>

#include "common/ext4/inode.h"

namespace banger::ext4 {

// The blocks of a directory whose inodes have their numbers, with their checksums,
// which begin with the file system's seed.
std::string PackDirectory(const Inode& directory, std::uint32_t checksum_seed);

}  // namespace banger::ext4
