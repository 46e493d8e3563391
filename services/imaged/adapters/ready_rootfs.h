// Root file systems that somebody else has made.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// What an ext4 file holds. IMAGE_CORRUPT when no guest could mount it;
// ARCHIVE_REFUSED when there is nothing in it to start.
absl::StatusOr<BuiltRootfs> InspectRootfs(const std::filesystem::path& path);

// REQUEST_INVALID: a file system that is there already keeps its size.
absl::Status CheckKeepsSize(std::int64_t wanted_bytes);

}  // namespace banger::imaged
