// Landlock: a process gives up all files but some, for good.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"

namespace banger {

// Of a file, or of a directory with all that is below it.
struct FileAccess {
  enum class Right {
    kRead,
    kReadWrite,  // of what is there
    kOwn,        // also make and remove files and sockets
    kExecute,    // and read
  };
  std::filesystem::path path;  // fine when it is not there; symlinks are followed
  Right right = Right::kRead;

  bool operator==(const FileAccess&) const = default;
};

enum class LandlockScope {
  kFiles,
  // Also, as far as this kernel can: no TCP, no abstract Unix sockets and no signals
  // to whoever is outside.
  kAlone,
};

// From now on opening, making, truncating or executing any other file fails with
// EACCES, in this thread and all that it makes. So does tracing a process outside.
// Needs no_new_privs. False, and without any effect, on a kernel that has no Landlock.
absl::StatusOr<bool> AllowOnlyFiles(const std::vector<FileAccess>& allowed,
                                    LandlockScope scope = LandlockScope::kFiles);

bool HasLandlock();

}  // namespace banger
