// A small file system in a file, which a test can fill up. For tests, as root.
#pragma once

#include <cstdint>
#include <filesystem>

#include "absl/status/statusor.h"
#include "common/os/temp_dir.h"

namespace banger {

// Takes the process into a mount namespace of its own, so that nothing mounted
// stays when it ends. False where that is not possible. Before the first thread.
bool EnterOwnMounts();

class SmallDisk {
 public:
  // An ext4 file system on a loop device; it goes with the object.
  static absl::StatusOr<SmallDisk> Create(std::int64_t bytes, int inodes = 4096);
  SmallDisk(SmallDisk&&) = default;
  SmallDisk& operator=(SmallDisk&&) = delete;
  ~SmallDisk();

  std::filesystem::path root() const { return directory_.path() / "mounted"; }
  std::int64_t available() const;

  // Leaves so many bytes, or nearly.
  absl::Status Fill(std::int64_t left) const;
  // Takes back what Fill has taken.
  void Clear() const;

 private:
  explicit SmallDisk(TempDir directory) : directory_(std::move(directory)) {}
  TempDir directory_;
};

}  // namespace banger
