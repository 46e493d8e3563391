#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/archive/byte_source.h"
#include "common/http/authorizer.h"
#include "common/http/connection_pool.h"
#include "common/http/transfer.h"

namespace banger::http {

struct FetchOptions {
  std::string url;
  std::vector<std::string> headers;  // "Accept: text/plain"
  // POST of a form instead of GET.
  std::optional<std::string> form;
  // Shared connections; none: its own.
  std::shared_ptr<ConnectionPool> pool;
  // Null: nothing is told to anybody. Must outlive the source.
  Authorizer* authorizer = nullptr;
  // Where to begin. Only for an address that always has the same bytes: then
  // transfers are taken up whatever the server calls its versions.
  std::int64_t from = 0;
  bool immutable = false;
  // Refused when the server announces or sends more.
  std::int64_t max_bytes = std::int64_t{4} << 30;
  // Plain http also to other hosts than this one.
  bool allow_http = false;
  int max_redirects = 5;
  // In a row without a single byte; whatever gets on starts the count again.
  int max_retries = 5;
  // Before the first retry; doubled for each further one. The server's own
  // Retry-After counts instead, up to the longest.
  std::chrono::milliseconds first_delay{500};
  std::chrono::milliseconds longest_delay{30'000};
  std::chrono::milliseconds connect_timeout{10'000};
  std::int64_t low_speed = 1024;
  std::chrono::seconds low_speed_time{30};
  // Told before each wait for a retry: why, and for how long.
  std::function<void(absl::string_view)> on_retry = [](absl::string_view) {};
};

// The bytes behind a URL, in one pass over HTTP(S). A transfer that breaks is
// taken up where it ended (Range with If-Range; where the server cannot, it
// sends all again and the known part is skipped), and what a server refuses for
// now (429, 5xx) or cannot be reached is tried again. Redirects go from https to
// https only (see url.h). The proxies of the environment are used, except for
// this host itself. Reads return within a moment when stopped. Not thread-safe.
//
// Errors, each naming the URL: NOT_FOUND (404, 410), UNAVAILABLE (after all
// retries), ABORTED (the resource changed meanwhile), OUT_OF_RANGE (too large),
// INVALID_ARGUMENT (a URL or redirect that may not be used), CANCELLED,
// UNAUTHENTICATED (401), PERMISSION_DENIED (403), FAILED_PRECONDITION for the rest
// (other refusals, a certificate that is not valid).
class HttpSource final : public ByteSource {
 public:
  // Returns when the server has begun to answer.
  static absl::StatusOr<std::unique_ptr<HttpSource>> Open(FetchOptions options, std::stop_token stop);

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override;

  // Of the answer that the bytes come from.
  const ResponseHead& head() const { return head_; }

  // Of the whole resource; nothing when the server does not tell.
  std::optional<std::int64_t> total_bytes() const { return total_; }

 private:
  HttpSource(FetchOptions options, std::stop_token stop)
      : options_(std::move(options)), stop_(std::move(stop)), received_(options_.from) {}

  // Repeats `attempt` as long as it fails with UNAVAILABLE.
  absl::Status Retry(const std::function<absl::Status()>& attempt);
  absl::Status Wait(const absl::Status& why);
  // A transfer that stands at received_.
  absl::Status Connect();
  absl::Status Request(const std::string& url, const Authorizer::Access& access);
  void EndTransfer();
  absl::StatusOr<std::string> NextUrl(const std::string& url) const;
  absl::Status Accept();
  absl::Status AcceptRest();
  absl::Status AcceptWhole();
  absl::Status SkipReceived();
  absl::StatusOr<std::size_t> ReadOnce(std::span<char> buffer);
  absl::Status Name(const absl::Status& status) const;

  const FetchOptions options_;
  const std::stop_token stop_;
  std::shared_ptr<ConnectionPool> pool_;
  std::unique_ptr<Transfer> transfer_;  // none: to be connected
  ResponseHead head_;
  std::int64_t received_ = 0;  // handed out
  std::optional<std::int64_t> total_;
  std::string validator_;
  bool complete_ = false;
  int failures_ = 0;  // since the last byte
  int connects_ = 0;
  std::optional<std::chrono::seconds> retry_after_;
};

}  // namespace banger::http
