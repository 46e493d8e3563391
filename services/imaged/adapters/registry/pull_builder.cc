#include "services/imaged/adapters/registry/pull_builder.h"

#include <vector>

#include "common/status/status_macros.h"
#include "services/imaged/adapters/cache/blob_prefetch.h"
#include "services/imaged/adapters/oci_image_builder.h"

namespace banger::imaged {

absl::StatusOr<BuiltRootfs> PullBuilder::Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                               const std::stop_token& stop) {
  std::vector<Descriptor> blobs;
  std::int64_t total = 0;
  for (const OciLayer& layer : image_.layers) {
    blobs.push_back(layer.blob);
    total += layer.blob.size;
  }
  const auto arrived = [this, total](std::int64_t bytes) {
    const bool all = bytes >= total;
    listener_->Tell({.stage = all ? "unpack" : "download",
                     .done_bytes = all ? 0 : bytes,
                     .total_bytes = all ? 0 : total});
  };
  listener_->Tell({.stage = "download", .total_bytes = total});
  BlobPrefetch prefetch(cache_, client_, std::move(blobs), arrived, stop);
  OciImageBuilder builder(image_, [&prefetch](std::size_t index, const std::stop_token& left) {
    return prefetch.Open(index, left);
  });
  BANGER_ASSIGN_OR_RETURN(BuiltRootfs built, builder.Build(rootfs, wanted_bytes, stop));
  listener_->Tell({.stage = "finish"});
  BANGER_RETURN_IF_ERROR(prefetch.AwaitAll());
  return built;
}

}  // namespace banger::imaged
