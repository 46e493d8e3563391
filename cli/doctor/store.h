#pragma once

#include <filesystem>

#include "absl/status/statusor.h"
#include "cli/doctor/finding.h"

namespace banger::cli {

// The schema's version of this build's vmd: install_test compares.
inline constexpr int kNewestStore = 7;

// Looks at vmd's database without changing, migrating or making anything, whether vmd
// runs or not.
Finding CheckStore(const std::filesystem::path& database);

// The version of its schema, as carefully; 0 when there is no database.
absl::StatusOr<int> StoreVersion(const std::filesystem::path& database);

}  // namespace banger::cli
