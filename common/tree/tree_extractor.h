// A tree of files out of an archive that may be hostile.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/archive/archive_reader.h"
#include "common/os/unique_fd.h"

namespace banger {

struct FileOwner {
  uid_t uid = 0;
  gid_t gid = 0;
};

struct ExtractOptions {
  // Modes and times of the members are kept; else files become 0644 or 0755 and
  // directories 0755.
  bool keep_metadata = true;
  // Which bits of a mode are kept.
  unsigned mode_mask = 01777;
  // Who has what is made: the members' own numbers, or this one; else whoever we are.
  bool keep_owners = false;
  std::optional<FileOwner> owner;
  // Refuses relative links that lead out of the root; else links are made as they are.
  bool check_symlinks = false;
  // Else they are left out.
  bool hard_links = true;
  int max_depth = 512;
  // Where the paths of regular files are collected, if anywhere.
  std::set<std::string>* files = nullptr;
};

// Writes members below a directory. Whatever the archive says, no write leaves it and
// none goes through a symbolic link, also not one that was there before; the kernel
// itself sees to it. A file appears under its name when it is whole. What has a
// member's name is replaced, but for directories: those are kept and filled up, and
// one that was there keeps its mode. Devices, fifos and sockets are left out.
// Errors name the member; INVALID_ARGUMENT is the archive's fault. Not thread-safe.
class TreeExtractor {
 public:
  // CANCELLED soon after the stop, however much a member unpacks to.
  TreeExtractor(UniqueFd root, ExtractOptions options, std::stop_token stop = {});
  // Finishes.
  ~TreeExtractor();
  TreeExtractor(const TreeExtractor&) = delete;
  TreeExtractor& operator=(const TreeExtractor&) = delete;

  // The archive's current entry, under `path`, as NormalizeArchivePath gives it; ""
  // is the root, which stays as it is. `link_target` is where a hard link leads to,
  // in the same form.
  absl::Status Add(const ArchiveEntry& entry, const std::string& path, const std::string& link_target,
                   ArchiveReader& archive);

  // Gives directories their modes and times, which they get when they are full.
  absl::Status Finish();

  // Regular files so far, and their bytes without holes.
  std::int64_t file_count() const { return file_count_; }
  std::int64_t bytes() const { return bytes_; }
  // What was left out, for people; at most ten lines.
  const std::vector<std::string>& warnings() const { return warnings_; }

 private:
  // A directory that is being filled.
  struct Pending {
    std::string path;
    ArchiveEntry entry;
  };

  absl::Status Failed(absl::string_view what, const std::string& path) const;
  absl::StatusOr<UniqueFd> OpenDirectory(const std::string& path);
  absl::StatusOr<int> OpenParent(const std::string& path);
  template <typename Make>
  absl::Status Replace(const std::string& path, absl::string_view what, Make make);

  absl::Status MakeDirectory(const ArchiveEntry& entry, const std::string& path);
  absl::Status WriteFile(const ArchiveEntry& entry, const std::string& path, ArchiveReader& archive);
  absl::Status WriteContent(int fd, std::int64_t size, const std::string& path, ArchiveReader& archive);
  absl::Status MakeSymlink(const ArchiveEntry& entry, const std::string& path);
  absl::Status MakeHardLink(const std::string& path, const std::string& target);
  absl::Status SetMetadata(int fd, const ArchiveEntry& entry, const std::string& path) const;
  std::optional<FileOwner> OwnerOf(const ArchiveEntry& entry) const;
  unsigned ModeOf(const ArchiveEntry& entry) const;
  absl::Status LeaveDirectoriesAround(const std::string& path);
  void LeaveOut(const std::string& path, const char* what);

  const UniqueFd root_;
  const ExtractOptions options_;
  const std::stop_token stop_;
  const std::string temporary_;  // the name of a file that is not whole
  std::string member_;           // being extracted
  UniqueFd parent_;              // the directory of the last member
  std::string parent_name_;
  std::vector<Pending> filling_;  // each below the one before
  std::int64_t file_count_ = 0;
  std::int64_t bytes_ = 0;
  std::vector<std::string> warnings_;
};

}  // namespace banger
