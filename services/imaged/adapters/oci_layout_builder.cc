#include "services/imaged/adapters/oci_layout_builder.h"

#include <memory>
#include <utility>

#include "common/status/status_macros.h"
#include "services/imaged/adapters/file_source.h"
#include "services/imaged/adapters/oci_blobs.h"
#include "services/imaged/adapters/oci_image.h"
#include "services/imaged/adapters/oci_image_builder.h"

namespace banger::imaged {

absl::StatusOr<BuiltRootfs> OciLayoutBuilder::Build(const std::filesystem::path& rootfs,
                                                    std::int64_t wanted_bytes, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(OciBlobs blobs, OciBlobs::Spool(source_, rootfs.parent_path(), limits_, stop));
  const oci::Platform platform = oci::PlatformOf(arch_);
  BANGER_ASSIGN_OR_RETURN(const Descriptor root, FindInLayout(blobs.index(), reference_, platform));
  BANGER_ASSIGN_OR_RETURN(const OciImage image, ReadOciImage(blobs, root, platform));
  const auto open = [&](std::size_t index,
                        const std::stop_token&) -> absl::StatusOr<std::unique_ptr<ByteSource>> {
    BANGER_ASSIGN_OR_RETURN(UniqueFd blob, blobs.Open(image.layers[index].blob));
    return std::make_unique<FileSource>(std::move(blob));
  };
  return OciImageBuilder(image, open, limits_).Build(rootfs, wanted_bytes, stop);
}

}  // namespace banger::imaged
