#include "cli/registry/ping.h"

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "common/config/config.h"
#include "common/config/paths.h"
#include "common/oci/reference.h"
#include "common/oci/registry_endpoint.h"
#include "common/status/error.h"
#include "common/status/source_unreachable.h"
#include "common/status/status_macros.h"

namespace banger::cli {

absl::Status CheckRegistryName(const std::string& registry) {
  const absl::StatusOr<oci::Reference> reference = oci::ParseReference(absl::StrCat(registry, "/x/y"));
  if (reference.ok() && reference->registry == registry && reference->repository == "x/y")
    return absl::OkStatus();
  return UsageError(
      absl::StrCat("'", registry, "' is no registry: write its host, as docker.io or localhost:5000"));
}

absl::Status PingRegistry(const std::string& registry, const oci::Credentials& login, bool insecure,
                          const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const Paths paths, FindPaths());
  BANGER_ASSIGN_OR_RETURN(const Config config, LoadConfig(paths.config_files));
  BANGER_ASSIGN_OR_RETURN(const std::shared_ptr<http::ConnectionPool> pool, http::ConnectionPool::Create());
  RegistryConfig chosen = oci::ConfigOf(config.registries, registry);
  chosen.host = oci::ApiHost(registry);
  chosen.insecure = chosen.insecure || insecure;
  // Somebody waits for it.
  const oci::RegistryPatience patience{.max_retries = 1};
  oci::RegistryEndpoint endpoint(
      {.registry = chosen, .credentials = login, .pool = pool, .patience = patience});
  const absl::Status status = endpoint.Get({.path = "/v2/"}, stop).status();
  if (absl::IsUnavailable(status)) return SourceUnreachable(registry, status.message());
  if (!absl::IsUnauthenticated(status) && !absl::IsPermissionDenied(status)) return status;
  return ApiError(absl::StatusCode::kUnauthenticated, "REGISTRY_LOGIN_REFUSED",
                  absl::StrCat("the registry refuses user '", login.username, "': ", status.message()),
                  {{"registry", registry}});
}

}  // namespace banger::cli
