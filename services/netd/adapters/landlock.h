#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"

namespace banger::netd {

// Of a file, or of a directory with all that is below it.
struct FileAccess {
  enum class Right {
    kRead,
    kReadWrite,  // of what is there
    kOwn,        // also make and remove files and sockets
    kExecute,
  };
  std::filesystem::path path;  // fine when it is not there; symlinks are followed
  Right right = Right::kRead;
};

// From now on opening, making or executing any other file fails with EACCES, in
// this thread and all that it makes (Landlock). Needs no_new_privs. False, and
// without any effect, on a kernel that has no Landlock.
absl::StatusOr<bool> AllowOnlyFiles(const std::vector<FileAccess>& allowed);

}  // namespace banger::netd
