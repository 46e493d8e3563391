// What an image's documents say: which image of an index is meant and what it
// consists of. Everything in them is hostile.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/oci/platform.h"
#include "services/imaged/adapters/blob_fetcher.h"
#include "services/imaged/core/image.h"

namespace banger::imaged {

// Where indexes, manifests and configs are: an OCI layout or a registry.
class OciDocuments {
 public:
  virtual ~OciDocuments() = default;

  // The text; it has the descriptor's digest and size.
  virtual absl::StatusOr<std::string> Read(const Descriptor& document) = 0;
};

// No document may be larger.
inline constexpr std::int64_t kMaxOciDocument = 4 << 20;

struct OciLayer {
  Descriptor blob;
  std::string diff_id;  // of the tar once unpacked
};

struct OciImage {
  std::string digest;            // of its manifest
  std::vector<OciLayer> layers;  // lowest first
  ImageConfig config;
  std::string arch;  // as uname -m says it
};

// The image that `root`, a manifest or an index, holds for the platform, through
// nested indexes: the variant that fits best. PLATFORM_NOT_FOUND, with what there
// is, ARCHIVE_REFUSED for what is no image to boot, IMAGE_CORRUPT for what
// contradicts the specification; and the errors of reading.
absl::StatusOr<OciImage> ReadOciImage(OciDocuments& documents, const Descriptor& root,
                                      const oci::Platform& platform);

// The same out of an image's config and its layers' descriptors, which the caller
// vouches for; the digest stays empty.
absl::StatusOr<OciImage> DescribeOciImage(const std::string& config, std::vector<Descriptor> layers,
                                          const oci::Platform& platform);

// What the index of a layout means by a tag; without a tag the only image there
// is for the platform. ARCHIVE_REFUSED, with the tags there are, when that does
// not name exactly one.
absl::StatusOr<Descriptor> FindInLayout(const std::string& index, const std::string& tag,
                                        const oci::Platform& platform);

}  // namespace banger::imaged
