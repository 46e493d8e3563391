// What an OCI image layout says: which image is meant and what it consists of.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/imaged/adapters/blob_fetcher.h"
#include "services/imaged/adapters/oci_blobs.h"
#include "services/imaged/core/image.h"

namespace banger::imaged {

struct OciLayer {
  Descriptor blob;
  std::string diff_id;  // digest of the tar once unpacked
};

struct OciImage {
  std::vector<OciLayer> layers;  // lowest first
  ImageConfig config;
  std::string arch;  // as uname -m says it
};

// The image with that tag for linux on `arch` (as uname -m says it), through
// nested indexes; without a tag the only one there is. ARCHIVE_REFUSED, with the
// tags there are, when that does not name exactly one; IMAGE_CORRUPT for what
// contradicts the specification.
absl::StatusOr<OciImage> FindOciImage(const OciBlobs& blobs, const std::string& reference,
                                      const std::string& arch);

}  // namespace banger::imaged
