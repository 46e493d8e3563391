#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/catalog/catalog.h"
#include "services/kerneld/core/kernel.h"

namespace banger::kerneld {

// An entry of a kernel catalog: {name, distro, arch, kernel_version, tarball_url,
// tarball_sha256, size_bytes, description}, with apt_package instead of the three
// fields of a tarball where a package serves. INVALID_ARGUMENT, naming it, for
// everything else. `origin` becomes its `catalog`.
absl::StatusOr<CatalogEntry> ParseCatalogEntry(const Json& item, const std::string& origin);

}  // namespace banger::kerneld
