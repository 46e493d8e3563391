// Which release it is to be.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/update/manifest.h"

namespace banger::cli {

struct Installation {
  std::string version;
  std::string commit;
  std::string arch;
  int store_version = 0;  // of vmd's database; 0: there is none yet
};

// The newest of those for this machine; nothing when there is none.
std::optional<Release> NewestRelease(const std::vector<Release>& releases, const std::string& arch);

bool IsNewer(const std::string& version, const std::string& than);

// The newest one when it is newer than what is here; with `to` that one, also when it is
// older. Nothing when it is here already. NOT_FOUND when there is no such release;
// FAILED_PRECONDITION when it would not know the database that is here.
absl::StatusOr<std::optional<Release>> ChooseRelease(const std::vector<Release>& releases,
                                                     const Installation& here, const std::string& to);

}  // namespace banger::cli
