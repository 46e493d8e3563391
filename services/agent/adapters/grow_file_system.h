#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"

namespace banger::agent {

// Makes a mounted ext4 as large as the disk `device` that it is on, if that has
// grown. The kernel does it while the file system is in use, so nothing is needed
// of the image.
absl::Status GrowFileSystem(const std::string& device, const std::filesystem::path& mounted);

}  // namespace banger::agent
