#include "common/oci/registry_endpoint.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/http/url.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::oci {

absl::StatusOr<std::unique_ptr<http::HttpSource>> RegistryEndpoint::Get(const Request& request,
                                                                        const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const std::string base, BaseUrl(stop));
  RegistryAuth* auth = nullptr;
  {
    const MutexLock lock(mutex_);
    auth = auth_.get();
  }
  const RegistryPatience& patience = options_.patience;
  return http::HttpSource::Open({.url = absl::StrCat(base, request.path),
                                 .headers = request.headers,
                                 .pool = options_.pool,
                                 .authorizer = auth,
                                 .from = request.from,
                                 .immutable = request.immutable,
                                 .max_bytes = request.max_bytes,
                                 .allow_http = options_.registry.insecure,
                                 .max_retries = std::min(request.max_retries, patience.max_retries),
                                 .first_delay = patience.first_delay,
                                 .longest_delay = patience.longest_delay,
                                 .connect_timeout = patience.connect_timeout,
                                 .low_speed = patience.low_speed,
                                 .low_speed_time = patience.low_speed_time,
                                 .on_retry = options_.on_retry},
                                stop);
}

// What may only be https needs no look at what it speaks.
absl::StatusOr<std::string> RegistryEndpoint::BaseUrl(const std::stop_token& stop) {
  const MutexLock lock(mutex_);
  if (!base_.empty()) return base_;
  std::string base = absl::StrCat("https://", host());
  if (MayBePlain() && absl::IsUnavailable(Probe(base, stop))) {
    base = absl::StrCat("http://", host());
    BANGER_RETURN_IF_ERROR(Annotate(Probe(base, stop), absl::StrCat("reach '", base, "'")));
  }
  auth_ = std::make_unique<RegistryAuth>(
      RegistryAuth::Options{.origin = http::OriginOf(base),
                            .scope = options_.scope,
                            .credentials = options_.credentials,
                            .tls = Tls(),
                            .pool = options_.pool,
                            .first_delay = options_.patience.first_delay,
                            .connect_timeout = options_.patience.connect_timeout});
  base_ = std::move(base);
  return base_;
}

// Whether anybody answers there; nothing secret is said.
absl::Status RegistryEndpoint::Probe(const std::string& base, const std::stop_token& stop) const {
  BANGER_ASSIGN_OR_RETURN(const std::unique_ptr<http::Transfer> transfer,
                          http::Transfer::Start(options_.pool,
                                                {.url = absl::StrCat(base, "/v2/"),
                                                 .tls = Tls(),
                                                 .connect_timeout = options_.patience.connect_timeout,
                                                 .low_speed = options_.patience.low_speed,
                                                 .low_speed_time = options_.patience.low_speed_time},
                                                stop));
  return transfer->AwaitHead().status();
}

http::TlsOptions RegistryEndpoint::Tls() const {
  const RegistryConfig& registry = options_.registry;
  return {.ca_file = registry.ca,
          .client_cert_file = registry.client_cert,
          .client_key_file = registry.client_key,
          .verify = !registry.insecure};
}

bool RegistryEndpoint::MayBePlain() const {
  return options_.registry.insecure || http::IsLoopbackUrl(absl::StrCat("https://", host()));
}

RegistryConfig ConfigOf(const std::vector<RegistryConfig>& registries, const std::string& host) {
  for (const RegistryConfig& registry : registries)
    if (registry.host == host) return registry;
  RegistryConfig registry;
  registry.host = host;
  return registry;
}

}  // namespace banger::oci
