#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "common/http/authorizer.h"
#include "common/http/connection_pool.h"
#include "common/oci/challenge.h"
#include "common/sync/mutex.h"

namespace banger::oci {

// For one registry. Both empty: nobody in particular.
struct Credentials {
  std::string username;
  std::string password;
  std::string identity_token;  // an OAuth2 refresh token, instead of a password

  bool empty() const { return username.empty() && identity_token.empty(); }
};

// Logs in to one registry as it asks for: Basic, or a Bearer token of the token
// server that it names. Tells nothing to any other origin, and credentials to no
// token server that is not https; only a registry on this host may have one on
// this host that is not. Thread-safe.
class RegistryAuth final : public http::Authorizer {
 public:
  struct Options {
    std::string origin;  // OriginOf() of the registry
    std::string scope;   // "repository:library/debian:pull"; empty: just to log in
    Credentials credentials;
    http::TlsOptions tls;
    std::shared_ptr<http::ConnectionPool> pool;
    std::chrono::milliseconds first_delay{500};  // before a retry
    std::chrono::milliseconds connect_timeout{10'000};
  };

  explicit RegistryAuth(Options options) : options_(std::move(options)) {}

  Access AccessTo(const std::string& url) override ABSL_LOCKS_EXCLUDED(mutex_);

  // UNAUTHENTICATED when the token server refuses the credentials,
  // FAILED_PRECONDITION when it may not be asked, UNAVAILABLE when it cannot.
  absl::StatusOr<bool> Renew(const std::string& url, const Access& used, const http::ResponseHead& head,
                             const std::stop_token& stop) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  absl::StatusOr<std::string> Authorize(const http::ResponseHead& head, const std::stop_token& stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<std::string> FetchToken(const Challenge& challenge, const std::stop_token& stop)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Basic() const;

  const Options options_;
  Mutex mutex_;
  std::string authorization_ ABSL_GUARDED_BY(mutex_);
  std::optional<std::chrono::steady_clock::time_point> expires_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::oci
