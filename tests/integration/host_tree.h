// What a directory of the host holds, for comparing two of them.
#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/statusor.h"

namespace banger {

// One line for each path below `root` (and "." for itself): type and mode, owner,
// times to the nanosecond, device, size and digest of files, target of symlinks,
// and all xattrs. Hard links name the first path of their inode. Sizes and link
// counts of directories are left out: file systems count these in their own ways.
absl::StatusOr<std::map<std::string, std::string>> DescribeTree(const std::filesystem::path& root);

}  // namespace banger
