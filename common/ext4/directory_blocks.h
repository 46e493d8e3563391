// A directory as it stands on disk. Internal to this room.
#pragma once

#include <string>

#include "common/ext4/inode.h"

namespace banger::ext4 {

// The blocks of a directory whose inodes have their numbers, each with room for
// its checksum at the end.
std::string PackDirectory(const Inode& directory);

}  // namespace banger::ext4
