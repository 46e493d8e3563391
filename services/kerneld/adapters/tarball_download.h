#pragma once

#include <memory>
#include <stop_token>
#include <utility>

#include "common/http/http_source.h"
#include "services/kerneld/core/ports.h"

namespace banger::kerneld {

// Downloads tarballs of catalogs, verifies and unpacks them. Download and zstd have
// a thread of their own each, beside whoever reads the tar.
class TarballDownload final : public TarballSource {
 public:
  // How patient it is.
  explicit TarballDownload(http::FetchOptions fetch = {}) : fetch_(std::move(fetch)) {}

  std::shared_ptr<ByteSource> Open(const CatalogEntry& entry, const ProgressFn& progress,
                                   const std::stop_token& stop) override;

 private:
  const http::FetchOptions fetch_;
};

}  // namespace banger::kerneld
