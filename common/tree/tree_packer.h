// A tree of files on the way into a tar, in one pass and in constant memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "common/archive/tar_writer.h"

struct stat;

namespace banger {

// Modes, owners, times, symbolic links, hard links and holes are kept. Devices,
// fifos, sockets, and the kernel's own file systems (/proc, /sys) below the tree are
// left out; so is what disappears meanwhile. Each symbolic link is taken as one,
// never followed. Not thread-safe.
class TreePacker {
 public:
  // `hard_links`: else each is a file of its own. The tar outlives the packer.
  // CANCELLED soon after the stop.
  explicit TreePacker(TarWriter& tar, std::stop_token stop = {}, bool hard_links = true);

  // What is at `path`, and all below it, under `name`; for a directory "" is the
  // tar's root itself. `follow`: also where `path` itself is a link. Errors name the
  // file; ABORTED when one shrank while it was read.
  absl::Status Add(const std::filesystem::path& path, const std::string& name, bool follow = false);

  // The file or link at `path` below the directory `root`, never through a symbolic link
  // on the way. NOT_FOUND when there is none, or a directory.
  absl::Status AddBelow(int root, const std::string& path, const std::string& name);

  // Regular files so far, and the bytes in them that are no holes.
  std::int64_t files() const { return files_; }
  std::int64_t bytes() const { return bytes_; }
  // What was left out, for people; at most ten lines.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  // A file in a directory that is open; `path` is what it is called in errors.
  struct Item {
    int dir;
    std::string base;
    std::filesystem::path path;
    std::string name;
    int flags;  // of open: O_NOFOLLOW or none
  };

  absl::Status AddItem(const Item& item, dev_t device);
  absl::Status AddFile(const Item& item, const struct stat& info);
  absl::Status AddContent(int fd, const Item& item, ArchiveEntry entry);
  absl::Status AddSymlink(const Item& item, const struct stat& info);
  absl::Status AddDirectory(const Item& item, const struct stat& info, dev_t device);
  absl::Status CopyRange(int fd, const DataRange& range, const Item& item);
  // After a call that failed with errno: below the root, what is gone is left out.
  absl::Status GoneOr(const char* what, const Item& item);
  void LeaveOut(const std::filesystem::path& path, const std::string& what);

  TarWriter& tar_;
  const std::stop_token stop_;
  const bool hard_links_;
  std::vector<char> buffer_;
  // Of files with several links, where the first was packed.
  std::map<std::pair<dev_t, ino_t>, std::string> links_;
  std::int64_t files_ = 0;
  std::int64_t bytes_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace banger
