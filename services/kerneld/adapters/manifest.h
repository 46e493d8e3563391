// The JSON files that describe kernels.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/kerneld/core/kernel.h"
#include "services/kerneld/core/kernel_layout.h"

namespace banger::kerneld {

// manifest.json: {name, distro, arch, kernel_version, sha256, source,
// imported_at (RFC 3339)}.
std::string FormatManifest(const Kernel& kernel);

// Fields may be missing, but not of a wrong type. The id is the directory's
// name, whatever the manifest says. DATA_LOSS when it is no such JSON.
absl::StatusOr<Kernel> ParseManifest(const std::string& text, const std::string& id);

// metadata.json of a tree, or manifest.json of a bundle: {kernel_path,
// initrd_path, modules_dir, distro, arch, kernel_version}, all optional. Paths
// are normalized; ARCHIVE_REFUSED for those that leave the tree.
absl::StatusOr<SourceMetadata> ParseSourceMetadata(const std::string& text);

}  // namespace banger::kerneld
