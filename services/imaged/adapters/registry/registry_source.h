#pragma once

#include <string>
#include <utility>
#include <vector>

#include "common/config/config.h"
#include "common/oci/registry_endpoint.h"
#include "services/imaged/adapters/cache/blob_cache.h"
#include "services/imaged/core/pull.h"

namespace banger::imaged {

// Images of OCI registries, through the cache. Thread-safe; the cache must
// outlive it and what it finds.
class RegistrySource final : public ImageSource {
 public:
  // `arch` is this host's, as uname -m says it.
  RegistrySource(BlobCache& cache, std::vector<RegistryConfig> registries, std::string arch,
                 oci::RegistryPatience patience = {})
      : cache_(cache), registries_(std::move(registries)), arch_(std::move(arch)), patience_(patience) {}

  // REFERENCE_INVALID; PLATFORM_NOT_FOUND also for what cannot run here; and the
  // errors of RegistryClient and ReadOciImage.
  absl::StatusOr<RemoteImage> Find(const PullSpec& spec, const ProgressFn& progress,
                                   const std::stop_token& stop) override;

 private:
  BlobCache& cache_;
  const std::vector<RegistryConfig> registries_;
  const std::string arch_;
  const oci::RegistryPatience patience_;
};

}  // namespace banger::imaged
