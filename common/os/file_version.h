// Whether a file is still the one that was looked at.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace banger {

// Of a file's device, inode, size, mode and time of modification: another one when it
// was written, replaced or its mode changed. One word, only to be compared. Follows links.
// NOT_FOUND when there is none.
absl::StatusOr<std::string> FileVersion(const std::filesystem::path& path);

}  // namespace banger
