#include "services/imaged/adapters/registry/pull_builder.h"

#include <vector>

#include "common/log/log.h"
#include "common/os/file.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/cache/blob_prefetch.h"
#include "services/imaged/adapters/oci_image_builder.h"

namespace banger::imaged {
namespace {

// A layer that the disk has damaged may look like anything: another digest, a name
// that is refused.
bool MayBeDamage(const absl::Status& status) {
  return !absl::IsUnavailable(status) && !absl::IsResourceExhausted(status) && !absl::IsCancelled(status);
}

}  // namespace

absl::StatusOr<BuiltRootfs> PullBuilder::Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                               const std::stop_token& stop) {
  absl::StatusOr<BuiltRootfs> built = BuildOnce(rootfs, wanted_bytes, stop);
  if (built.ok() || !MayBeDamage(built.status()) || !DropDamaged(stop)) return built;
  BANGER_RETURN_IF_ERROR(RemoveTree(rootfs));
  return BuildOnce(rootfs, wanted_bytes, stop);
}

bool PullBuilder::DropDamaged(const std::stop_token& stop) {
  bool any = false;
  for (const OciLayer& layer : image_.layers) {
    if (!cache_.DropIfDamaged(layer.blob.digest, stop)) continue;
    log::Warn("a cached layer was damaged on disk and is fetched again", {{"blob", layer.blob.digest}});
    any = true;
  }
  return any;
}

absl::StatusOr<BuiltRootfs> PullBuilder::BuildOnce(const std::filesystem::path& rootfs,
                                                   std::int64_t wanted_bytes, const std::stop_token& stop) {
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
