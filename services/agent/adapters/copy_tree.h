#pragma once

#include <filesystem>

#include "absl/status/status.h"

namespace banger::agent {

// Copies what is in directory `from` into the existing directory `to`: owners,
// modes, times and extended attributes kept, symlinks as they are, devices and
// sockets left out. Stays on from's file system.
absl::Status CopyTree(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace banger::agent
