// Hands out the blocks of a file system in growing order and writes them in
// large pieces. Internal to this room.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/os/unique_fd.h"

namespace banger::ext4 {

constexpr std::uint64_t kBlocksPerGroup = 32768;
// A superblock (or a copy of it) and as many descriptors as the largest file
// system has begin the groups that hold them; data stays clear of these.
constexpr std::uint64_t kReservedBlocks = 1 + 256;

// Groups 0, 1 and the powers of 3, 5 and 7, as the sparse_super feature says.
bool GroupHasSuperblock(std::uint64_t group);

class BlockStream {
 public:
  BlockStream(std::filesystem::path path, UniqueFd fd);

  // The next free blocks, contiguous: between 1 and `wanted` of them.
  struct Run {
    std::uint64_t first = 0;
    std::uint64_t count = 0;
  };
  // The blocks handed out before must have been written in full.
  absl::StatusOr<Run> Allocate(std::uint64_t wanted);

  // The next bytes of the blocks handed out, in order.
  absl::Status Write(absl::string_view data);
  absl::Status Flush();

  // Anywhere in the file, past the blocks handed out.
  absl::Status WriteAt(absl::string_view data, std::uint64_t offset);

  // Gives blocks back to the host; a wish, not a promise.
  absl::Status Discard(std::uint64_t first, std::uint64_t count);

  // Lies behind all blocks handed out.
  std::uint64_t end() const { return next_; }
  int fd() const { return fd_.get(); }

 private:
  std::filesystem::path path_;
  UniqueFd fd_;
  std::uint64_t next_ = kReservedBlocks;
  std::unique_ptr<char[]> buffer_;
  std::size_t buffered_ = 0;
  std::uint64_t buffer_offset_ = 0;  // in the file
};

}  // namespace banger::ext4
