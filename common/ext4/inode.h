// The writer's tree. Internal to this room.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "common/ext4/ext4_writer.h"

namespace banger::ext4 {

constexpr std::int64_t kBlockSize = 4096;
// ext4 keeps shorter targets in the inode itself.
constexpr std::size_t kInlineSymlinkBytes = 60;

struct Extent {
  std::uint32_t logical = 0;   // in blocks from the file's begin
  std::uint64_t physical = 0;  // block number
  std::uint32_t count = 0;
};

struct Inode {
  Type type = Type::kFile;
  Attributes attributes;
  std::uint32_t names = 0;
  std::int64_t size = 0;
  std::vector<Extent> extents;
  std::map<std::string, Inode*> entries;  // of a directory
  Inode* parent = nullptr;                // of a directory
  std::string target;                     // of a symlink
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint32_t number = 0;  // given by Finish
};

// At most 32768 blocks an extent, the longest that is initialised.
inline void AppendBlocks(Inode& inode, std::uint32_t logical, std::uint64_t physical, std::uint32_t count) {
  constexpr std::uint32_t kMaxExtentBlocks = 32768;
  if (!inode.extents.empty()) {
    Extent& last = inode.extents.back();
    if (last.logical + last.count == logical && last.physical + last.count == physical &&
        last.count + count <= kMaxExtentBlocks) {
      last.count += count;
      return;
    }
  }
  inode.extents.push_back({logical, physical, count});
}

}  // namespace banger::ext4
