// The list of releases that `banger update` chooses from: a signed catalog (common/catalog)
// whose entries are releases. As hostile as the place it comes from.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/catalog/catalog.h"
#include "common/config/update_config.h"

namespace banger::cli {

// "0.12.3".
using ReleaseVersion = std::array<int, 3>;
// Nothing for what is not written exactly so.
std::optional<ReleaseVersion> ParseReleaseVersion(const std::string& text);

struct Release {
  std::string id;       // "banger-0.2.0-linux-x86_64"
  std::string version;  // "0.2.0"
  std::string commit;   // short git hash
  std::string arch;     // "x86_64"
  catalog::RemoteFile tarball;
  // The newest schema of vmd's store that it knows.
  int store_version = 0;
};

// INVALID_ARGUMENT, naming the field. An address may be relative to that of the list; from
// https it leads to https only.
absl::StatusOr<Release> ParseRelease(const Json& item, const std::string& url_of_list);

// Fetches and verifies. `copy` remembers the last good list: an older one is refused
// (FAILED_PRECONDITION), as is a configuration that names none. PERMISSION_DENIED for a
// signature that is not good.
absl::StatusOr<std::vector<Release>> FetchReleases(const UpdateConfig& config,
                                                   const std::filesystem::path& copy,
                                                   const std::stop_token& stop);

}  // namespace banger::cli
