#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest/minisign.h"
#include "common/http/http_source.h"
#include "common/sync/keyed_lock.h"
#include "services/kerneld/core/kernel.h"

namespace banger::kerneld {

// A catalog from elsewhere: JSON at a URL or path, and beside it (".minisig") a
// signature that the configured key has to have made. The last good copy is
// kept on disk, with its signature: it serves while there is nothing better,
// and a catalog of a lower version than it is refused, so that whoever stands
// in between cannot bring back an old kernel. Thread-safe.
class SignedCatalog {
 public:
  struct Options {
    std::string url;  // https, http on this host, file:// or an absolute path
    std::string public_key;
    std::filesystem::path copy;  // where the last good copy is kept
    // For tests: how patient fetching is.
    http::FetchOptions fetch = {.max_retries = 1,
                                .connect_timeout = std::chrono::seconds(5),
                                .low_speed_time = std::chrono::seconds(10)};
    // So long a catalog is not asked for again.
    std::chrono::milliseconds fresh{5'000};
  };

  // INVALID_ARGUMENT for an address or a key that is none.
  static absl::StatusOr<std::unique_ptr<SignedCatalog>> Create(Options options);

  struct Loaded {
    Catalog catalog;
    // Why it is only the last good copy; OK when it is the newest.
    absl::Status stale;
  };
  // An error when there is no good copy at all, or CANCELLED.
  absl::StatusOr<Loaded> Load(const std::stop_token& stop);

  const std::string& url() const { return options_.url; }

 private:
  SignedCatalog(Options options, MinisignKey key) : options_(std::move(options)), key_(key) {}

  struct Signed {
    std::string text;
    std::string signature;
  };
  absl::StatusOr<std::string> Read(const std::string& suffix, const std::stop_token& stop) const;
  absl::StatusOr<Catalog> Verify(const Signed& found) const;
  absl::StatusOr<Catalog> Update(const std::optional<Catalog>& last, const std::stop_token& stop) const;
  std::optional<Catalog> ReadCopy() const;
  absl::Status WriteCopy(const Signed& good) const;

  const Options options_;
  const MinisignKey key_;
  KeyedLock in_use_;  // guards what follows, and the copy
  std::optional<Catalog> newest_;
  std::chrono::steady_clock::time_point loaded_at_;
};

}  // namespace banger::kerneld
