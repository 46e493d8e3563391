#pragma once

#include <filesystem>

#include "absl/status/status.h"

namespace banger::vmd {

// Gives the blocks of a file that are all zero back to the file system; its content
// stays. Fine where the file system has no holes.
absl::Status DigHoles(const std::filesystem::path& path);

}  // namespace banger::vmd
