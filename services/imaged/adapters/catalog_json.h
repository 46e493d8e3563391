#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "common/catalog/catalog.h"
#include "services/imaged/core/catalog_entry.h"

namespace banger::imaged {

// An entry of an image catalog: {name, distro, release, arch, bundle_url,
// bundle_sha256, size_bytes, kernel, description}, with oci_reference instead of
// the three fields of a bundle where an image of a registry serves.
// INVALID_ARGUMENT, naming it, for everything else. `origin` becomes its `catalog`.
absl::StatusOr<CatalogEntry> ParseCatalogEntry(const Json& item, const std::string& origin);

}  // namespace banger::imaged
