// manifest.json of an image.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/imaged/core/image.h"

namespace banger::imaged {

std::string FormatManifest(const Image& image);

// The same for a bundle: only what is as true on another host.
std::string FormatBundleManifest(const Image& image);

// IMAGE_CORRUPT for what is none. Id and disk_bytes are not in it.
absl::StatusOr<Image> ParseManifest(const std::string& text);

}  // namespace banger::imaged
