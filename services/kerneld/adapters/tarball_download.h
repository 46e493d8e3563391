#pragma once

#include <memory>
#include <stop_token>
#include <utility>

#include "common/catalog/download.h"
#include "services/kerneld/core/ports.h"

namespace banger::kerneld {

class TarballDownload final : public TarballSource {
 public:
  // How patient it is.
  explicit TarballDownload(http::FetchOptions fetch = {}) : fetch_(std::move(fetch)) {}

  std::shared_ptr<ByteSource> Open(const CatalogEntry& entry, const ProgressFn& progress,
                                   const std::stop_token& stop) override {
    return catalog::OpenDownload({entry.tarball_url, entry.tarball_sha256, entry.size_bytes}, fetch_,
                                 progress, stop);
  }

 private:
  const http::FetchOptions fetch_;
};

}  // namespace banger::kerneld
