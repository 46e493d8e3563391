#pragma once

#include <filesystem>
#include <stop_token>
#include <utility>

#include "common/http/http_source.h"
#include "common/sync/progress.h"
#include "services/imaged/core/catalog_entry.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// Downloads a catalog's bundle and takes the image out of it in the same pass: the
// root file system is written while the rest still arrives, and is an image only
// when the last byte was right. SOURCE_UNREACHABLE, IMAGE_CORRUPT and
// ARCHIVE_REFUSED name the bundle's address.
class BundlePull final : public RootfsBuilder {
 public:
  // `fetch` is how patient it is.
  BundlePull(CatalogEntry entry, ProgressFn progress, http::FetchOptions fetch = {})
      : entry_(std::move(entry)), progress_(std::move(progress)), fetch_(std::move(fetch)) {}

  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                    const std::stop_token& stop) override;

 private:
  const CatalogEntry entry_;
  const ProgressFn progress_;
  const http::FetchOptions fetch_;
};

}  // namespace banger::imaged
