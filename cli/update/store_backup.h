// vmd's database while an update may have to be taken back: a newer vmd brings it to a newer
// schema at its start, which the older one does not open any more. The database belongs to
// user banger; root follows no link of his here. vmd must not run.
#pragma once

#include <filesystem>

#include "absl/status/status.h"

namespace banger::cli {

// A copy in `directory`, where none is before; whole or not there. Fine when there is no
// database.
absl::Status BackUpStore(const std::filesystem::path& database, const std::filesystem::path& directory);

// Puts the copy in the place of a database that has a newer schema than it; that one stays
// beside it as DATABASE.newer. Fine when there is no copy, or nothing is newer.
absl::Status RestoreStore(const std::filesystem::path& database, const std::filesystem::path& directory);

}  // namespace banger::cli
