#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/config.h"
#include "common/http/http_source.h"
#include "common/oci/registry_auth.h"

namespace banger::oci {

// How patient requests to registries are; tests are less so.
struct RegistryPatience {
  int max_retries = 5;
  std::chrono::milliseconds first_delay{500};
  std::chrono::milliseconds longest_delay{30'000};
  std::chrono::milliseconds connect_timeout{10'000};
  std::int64_t low_speed = 1024;
  std::chrono::seconds low_speed_time{30};
};

// A host that serves the API of registries: a registry or a mirror of one. Asks
// over https; over plain http only a host that is this one or that may be
// insecure, and only when it does not speak TLS. Thread-safe.
class RegistryEndpoint {
 public:
  struct Options {
    RegistryConfig registry;  // its host is the API's
    Credentials credentials;
    std::string scope;
    std::shared_ptr<http::ConnectionPool> pool;
    RegistryPatience patience;
    // Told before each wait for a retry.
    std::function<void(absl::string_view)> on_retry = [](absl::string_view) {};
  };
  struct Request {
    std::string path;  // "/v2/..."
    std::vector<std::string> headers;
    std::int64_t max_bytes = 4 << 20;
    std::int64_t from = 0;
    int max_retries = 5;  // at most those of the patience
    // The address always has the same bytes.
    bool immutable = false;
  };

  explicit RegistryEndpoint(Options options) : options_(std::move(options)) {}

  // HttpSource's errors, each naming the URL.
  absl::StatusOr<std::unique_ptr<http::HttpSource>> Get(const Request& request, const std::stop_token& stop);

  const std::string& host() const { return options_.registry.host; }

 private:
  absl::StatusOr<std::string> BaseUrl(const std::stop_token& stop) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status Probe(const std::string& base, const std::stop_token& stop) const;
  http::TlsOptions Tls() const;
  bool MayBePlain() const;

  const Options options_;
  Mutex mutex_;
  std::string base_ ABSL_GUARDED_BY(mutex_);
  std::unique_ptr<RegistryAuth> auth_ ABSL_GUARDED_BY(mutex_);  // once there is a base
};

// What the configuration says of a registry or mirror; the defaults when it is
// silent.
RegistryConfig ConfigOf(const std::vector<RegistryConfig>& registries, const std::string& host);

}  // namespace banger::oci
