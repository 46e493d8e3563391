#include "services/imaged/adapters/bundle_pull.h"

#include <memory>

#include "absl/strings/match.h"
#include "common/archive/metered_source.h"
#include "common/catalog/download.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/bundle_builder.h"
#include "services/imaged/adapters/ready_rootfs.h"

namespace banger::imaged {

absl::StatusOr<BuiltRootfs> BundlePull::Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                              const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckKeepsSize(wanted_bytes));  // before anything is fetched
  const std::shared_ptr<ByteSource> bytes = catalog::OpenDownload(
      {entry_.bundle_url, entry_.bundle_sha256, entry_.size_bytes}, fetch_, progress_, stop);
  MeteredSource metered(*bytes, "download", entry_.size_bytes, progress_, stop);
  absl::StatusOr<BuiltRootfs> built = BundleBuilder(metered).Build(rootfs, wanted_bytes, stop);
  if (built.ok() || absl::IsCancelled(built.status())) return built;
  if (absl::StrContains(built.status().message(), entry_.bundle_url)) return built;
  return Annotate(built.status(), entry_.bundle_url);
}

}  // namespace banger::imaged
