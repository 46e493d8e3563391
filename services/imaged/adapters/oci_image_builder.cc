#include "services/imaged/adapters/oci_image_builder.h"

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/build_root.h"
#include "services/imaged/adapters/layer_source.h"
#include "services/imaged/adapters/root_tree.h"

namespace banger::imaged {
namespace {

// To the end of the source, where it says whether it was what it should be.
absl::Status AddLayer(ByteSource& unpacked, const ArchiveLimits& limits, RootTree& tree) {
  BANGER_ASSIGN_OR_RETURN(ArchiveReader tar, ArchiveReader::OpenPlainTar(unpacked, limits));
  BANGER_RETURN_IF_ERROR(tree.AddLayer(tar));
  return Drain(unpacked);
}

}  // namespace

absl::StatusOr<BuiltRootfs> OciImageBuilder::Build(const std::filesystem::path& rootfs,
                                                   std::int64_t wanted_bytes, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(RootTree tree, RootTree::Create(rootfs));
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> current, Unpack(0, stop));
  for (std::size_t i = 0; i < image_.layers.size(); ++i) {
    BANGER_ASSIGN_OR_RETURN(std::unique_ptr<ByteSource> next, Unpack(i + 1, stop));
    const absl::Status added = AsArchiveError(AddLayer(*current, limits_, tree));
    if (!added.ok())
      return Annotate(added, absl::StrCat("layer ", i + 1, " (", image_.layers[i].blob.digest, ")"));
    current = std::move(next);
  }
  BANGER_ASSIGN_OR_RETURN(BuiltRootfs built, FinishRoot(tree, wanted_bytes, stop));
  if (built.arch.empty()) built.arch = image_.arch;
  built.config = image_.config;
  return built;
}

absl::StatusOr<std::unique_ptr<ByteSource>> OciImageBuilder::Unpack(std::size_t index,
                                                                    const std::stop_token& stop) const {
  if (index == image_.layers.size()) return nullptr;
  return LayerSource::Open([this, index](const std::stop_token& left) { return open_(index, left); },
                           image_.layers[index].diff_id, limits_.max_bytes, stop);
}

}  // namespace banger::imaged
