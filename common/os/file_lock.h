#pragma once

#include <chrono>
#include <filesystem>
#include <utility>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger {

// An exclusive flock(2) on a file, held as long as the object lives; the kernel
// drops it when the process dies. The file stays.
class FileLock {
 public:
  // FAILED_PRECONDITION when somebody else holds it; never waits.
  static absl::StatusOr<FileLock> Acquire(const std::filesystem::path& path);
  // Waits: for what is only held for a moment. UNAVAILABLE when somebody holds it for
  // longer than `patience`, a process that is stopped for instance.
  static absl::StatusOr<FileLock> AcquireSoon(const std::filesystem::path& path,
                                              std::chrono::milliseconds patience = std::chrono::seconds(5));

 private:
  explicit FileLock(UniqueFd fd) : fd_(std::move(fd)) {}

  UniqueFd fd_;
};

}  // namespace banger
