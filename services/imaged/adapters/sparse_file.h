#pragma once

#include <cstdint>
#include <filesystem>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/os/unique_fd.h"

namespace banger::imaged {

// A new file whose zeros take no place on the disk, whoever sent them. Errors
// are the API's: DISK_FULL. Not thread-safe.
class SparseFile {
 public:
  // `path` must not exist.
  static absl::StatusOr<SparseFile> Create(const std::filesystem::path& path);

  // At rising offsets; what is left out is a hole.
  absl::Status Write(std::int64_t offset, absl::string_view data);

  // Makes it share all of the other file's blocks; false where the file system
  // cannot do that.
  bool CloneFrom(int fd);

  // Gives it its size and flushes it to the disk.
  absl::Status Finish(std::int64_t size);

 private:
  SparseFile(std::filesystem::path path, UniqueFd fd) : path_(std::move(path)), fd_(std::move(fd)) {}
  absl::Status WriteAt(std::int64_t offset, absl::string_view data);

  std::filesystem::path path_;
  UniqueFd fd_;
};

}  // namespace banger::imaged
