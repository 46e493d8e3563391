#include "services/imaged/adapters/oci_layout_builder.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/digest/sha256.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/build_root.h"
#include "services/imaged/adapters/oci_blobs.h"
#include "services/imaged/adapters/oci_image.h"
#include "services/imaged/adapters/root_tree.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

class HashingSource final : public ByteSource {
 public:
  explicit HashingSource(ByteSource& source) : source_(source) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source_.Read(buffer));
    digest_.Update(absl::string_view(buffer.data(), count));
    return count;
  }

  std::string HexDigest() { return digest_.HexDigest(); }

 private:
  ByteSource& source_;
  Sha256 digest_;
};

absl::Status AddLayer(const OciBlobs& blobs, const OciLayer& layer, const ArchiveLimits& limits,
                      RootTree& tree) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd blob, blobs.Open(layer.digest, layer.size));
  FdSource compressed(blob.get());
  BANGER_ASSIGN_OR_RETURN(ArchiveReader unpacked, ArchiveReader::OpenCompressed(compressed, limits));
  BANGER_RETURN_IF_ERROR(unpacked.Next().status());
  EntrySource bytes(unpacked);
  HashingSource hashed(bytes);
  BANGER_ASSIGN_OR_RETURN(ArchiveReader tar, ArchiveReader::OpenTar(hashed, limits));
  BANGER_RETURN_IF_ERROR(tree.AddLayer(tar));
  BANGER_RETURN_IF_ERROR(Drain(hashed));
  const std::string actual = absl::StrCat("sha256:", hashed.HexDigest());
  if (actual != layer.diff_id) return DigestMismatch("unpacked layer", layer.diff_id, actual);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BuiltRootfs> OciLayoutBuilder::Build(const std::filesystem::path& rootfs,
                                                    std::int64_t wanted_bytes) {
  BANGER_ASSIGN_OR_RETURN(const OciBlobs blobs, OciBlobs::Spool(source_, rootfs.parent_path(), limits_));
  BANGER_ASSIGN_OR_RETURN(OciImage image, FindOciImage(blobs, reference_, arch_));
  BANGER_ASSIGN_OR_RETURN(RootTree tree, RootTree::Create(rootfs));
  for (std::size_t i = 0; i < image.layers.size(); ++i) {
    const absl::Status added = AsArchiveError(AddLayer(blobs, image.layers[i], limits_, tree));
    if (!added.ok()) return Annotate(added, absl::StrCat("layer ", i + 1, " (", image.layers[i].digest, ")"));
  }
  BANGER_ASSIGN_OR_RETURN(BuiltRootfs built, FinishRoot(tree, wanted_bytes));
  if (built.arch.empty()) built.arch = image.arch;
  built.config = std::move(image.config);
  return built;
}

}  // namespace banger::imaged
