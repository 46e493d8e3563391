#pragma once

#include <memory>
#include <stop_token>

#include "common/http/http_source.h"
#include "services/kerneld/core/ports.h"

namespace banger::kerneld {

// Downloads tarballs and takes their SHA-256 on the way, over every byte that
// comes. That happens on a thread of its own, beside whoever unpacks them.
class TarballDownload final : public TarballSource {
 public:
  // How patient it is; URL, size and listener are the entry's.
  explicit TarballDownload(http::FetchOptions fetch = {}) : fetch_(std::move(fetch)) {}

  std::shared_ptr<ByteSource> Open(const CatalogEntry& entry, const ProgressFn& progress,
                                   const std::stop_token& stop) override;

 private:
  const http::FetchOptions fetch_;
};

}  // namespace banger::kerneld
