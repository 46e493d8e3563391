#pragma once

#include <chrono>
#include <filesystem>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/digest/minisign.h"
#include "common/http/http_source.h"

namespace banger::catalog {

// A text from elsewhere: at a URL or path, and beside it (".minisig") a
// signature that the configured key has to have made. The last good copy can be
// kept on disk, with its signature. Not thread-safe.
class SignedDocument {
 public:
  struct Options {
    std::string kind;  // what it is a catalog of, for messages: "kernel"
    std::string url;   // https, http on this host, file:// or an absolute path
    std::string public_key;
    std::filesystem::path copy;  // where the last good copy is kept
    // For tests: how patient fetching is.
    http::FetchOptions fetch = {.max_retries = 1,
                                .connect_timeout = std::chrono::seconds(5),
                                .low_speed_time = std::chrono::seconds(10)};
  };

  // INVALID_ARGUMENT for an address or a key that is none.
  static absl::StatusOr<SignedDocument> Create(Options options);

  struct Signed {
    std::string text;
    std::string signature;
  };
  // What is there now. PERMISSION_DENIED when the signature is not good.
  absl::StatusOr<Signed> Fetch(const std::stop_token& stop) const;

  // The text of the last good copy; NOT_FOUND when there is none.
  absl::StatusOr<std::string> ReadCopy() const;
  absl::Status WriteCopy(const Signed& good) const;

  const std::string& kind() const { return options_.kind; }
  const std::string& url() const { return options_.url; }

 private:
  SignedDocument(Options options, MinisignKey key) : options_(std::move(options)), key_(key) {}
  absl::StatusOr<std::string> Read(const std::string& suffix, const std::stop_token& stop) const;

  Options options_;
  MinisignKey key_;
};

}  // namespace banger::catalog
