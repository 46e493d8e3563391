#pragma once

#include <sys/stat.h>

#include <string>

#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"

namespace banger {

// What is no directory, in a directory that is open.
struct FileBelow {
  UniqueFd parent;
  std::string base;
  struct stat info {};
};

// The file, link or device at `path` below the directory `root`, never through a
// symbolic link on the way. NOT_FOUND when there is none, or a directory.
absl::StatusOr<FileBelow> FindBelow(int root, const std::string& path);

}  // namespace banger
