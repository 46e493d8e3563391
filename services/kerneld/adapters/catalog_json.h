#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/kerneld/core/kernel.h"

namespace banger::kerneld {

// A catalog: {version, entries: [{name, distro, arch, kernel_version,
// tarball_url, tarball_sha256, size_bytes, description}]}, where an entry may
// have apt_package instead of the three fields of a tarball. The version is a
// number from 1 on that grows with each change. Further fields are for later
// and left alone.
//
// INVALID_ARGUMENT, naming the entry, for everything else: this is as hostile as
// the place it comes from. `origin` becomes each entry's `catalog`.
absl::StatusOr<Catalog> ParseCatalog(const std::string& text, const std::string& origin);

}  // namespace banger::kerneld
