#pragma once

#include <memory>
#include <stop_token>

#include "common/archive/byte_source.h"
#include "common/catalog/catalog.h"
#include "common/http/http_source.h"
#include "common/sync/progress.h"

namespace banger::catalog {

// The bytes of a catalog's file as they come; taking their SHA-256 over every
// byte happens on a thread of its own, beside whoever unpacks them. Who has read
// them to their end without an error has what the catalog names; else
// SOURCE_UNREACHABLE, DATA_LOSS (other bytes than the catalog says) or CANCELLED.
// `progress` hears only of trouble on the way, from any thread. How patient it is
// `fetch` says; URL, size and listener in it are replaced.
std::shared_ptr<ByteSource> OpenDownload(const RemoteFile& file, http::FetchOptions fetch,
                                         const ProgressFn& progress, const std::stop_token& stop);

}  // namespace banger::catalog
