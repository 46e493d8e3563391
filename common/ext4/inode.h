// The writer's tree, small: an image may have a million files. Internal to this
// room.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/container/btree_map.h"
#include "absl/strings/string_view.h"
#include "common/ext4/ext4_writer.h"

namespace banger::ext4 {

constexpr std::int64_t kBlockSize = 4096;
// ext4 keeps shorter targets in the inode itself.
constexpr std::size_t kInlineSymlinkBytes = 60;

struct Extent {
  std::uint32_t logical = 0;   // in blocks from the file's begin
  std::uint32_t physical = 0;  // block number; kMaxFileSystemBytes has fewer than 2^30
  std::uint32_t count = 0;
};

struct DirectoryEntry {
  Inode* inode = nullptr;
  std::uint16_t generation = 0;
};

// What only few inodes have; a directory always.
struct InodeDetails {
  std::map<std::string, std::string> xattrs;
  std::vector<Extent> more_extents;  // behind the first
  std::string target;                // of a symlink
  absl::btree_map<absl::string_view, DirectoryEntry> entries;
  Inode* parent = nullptr;  // of a directory
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
};

struct Inode {
  Type type = Type::kFile;
  std::uint16_t mode = 0;
  std::uint16_t names = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t number = 0;  // given by Finish
  std::uint32_t mtime_nanoseconds = 0;
  std::int64_t mtime_seconds = 0;
  std::int64_t size = 0;
  Extent first_extent;
  std::unique_ptr<InodeDetails> details;  // null when there are none

  InodeDetails& Details() {
    if (details == nullptr) details = std::make_unique<InodeDetails>();
    return *details;
  }
};

// Extents come in the order of the file's blocks, at most 32768 blocks each, the
// longest that is initialised.
inline void AppendBlocks(Inode& inode, std::uint64_t logical, std::uint64_t physical, std::uint64_t count) {
  constexpr std::uint64_t kMaxExtentBlocks = 32768;
  const bool has_more = inode.details != nullptr && !inode.details->more_extents.empty();
  Extent& last = has_more ? inode.details->more_extents.back() : inode.first_extent;
  if (last.count > 0 && last.logical + last.count == logical && last.physical + last.count == physical &&
      last.count + count <= kMaxExtentBlocks) {
    last.count += static_cast<std::uint32_t>(count);
    return;
  }
  const Extent extent{static_cast<std::uint32_t>(logical), static_cast<std::uint32_t>(physical),
                      static_cast<std::uint32_t>(count)};
  if (last.count == 0)
    last = extent;
  else
    inode.Details().more_extents.push_back(extent);
}

template <typename Visit>
void ForEachExtent(const Inode& inode, const Visit& visit) {
  if (inode.first_extent.count == 0) return;
  visit(inode.first_extent);
  if (inode.details == nullptr) return;
  for (const Extent& extent : inode.details->more_extents) visit(extent);
}

// Names without an allocation for each; they stay as long as the arena.
class NameArena {
 public:
  absl::string_view Keep(absl::string_view name) {
    constexpr std::size_t kChunkBytes = 64 << 10;
    if (chunks_.empty() || kChunkBytes - used_ < name.size()) {
      chunks_.push_back(std::make_unique<char[]>(kChunkBytes));
      used_ = 0;
    }
    char* const begin = chunks_.back().get() + used_;
    name.copy(begin, name.size());
    used_ += name.size();
    return {begin, name.size()};
  }

 private:
  std::vector<std::unique_ptr<char[]>> chunks_;
  std::size_t used_ = 0;  // of the last chunk
};

// All inodes; what is freed is used again.
class InodeArena {
 public:
  Inode* Make(Type type) {
    Inode* inode = nullptr;
    if (free_.empty()) {
      inode = &all_.emplace_back();
    } else {
      inode = free_.back();
      free_.pop_back();
    }
    inode->type = type;
    if (type == Type::kDirectory) inode->Details();
    return inode;
  }
  void Free(Inode* inode) {
    *inode = Inode();
    free_.push_back(inode);
  }

 private:
  std::deque<Inode> all_;
  std::vector<Inode*> free_;
};

}  // namespace banger::ext4
