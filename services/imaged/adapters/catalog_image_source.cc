#include "services/imaged/adapters/catalog_image_source.h"

#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/oci/platform.h"
#include "common/oci/reference.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/bundle_pull.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

// A bundle is for the machine that its entry says, and no other.
absl::Status CheckPlatform(const std::string& wanted, const CatalogEntry& entry) {
  if (wanted.empty()) return absl::OkStatus();
  const absl::StatusOr<oci::Platform> platform = oci::ParsePlatform(wanted);
  if (!platform.ok()) return RequestInvalid("platform", platform.status().message());
  if (platform->os == "linux" && oci::MachineOf(platform->architecture) == entry.arch)
    return absl::OkStatus();
  return PlatformNotFound(wanted, entry.arch);
}

std::string RegistryOf(const std::string& reference) {
  const absl::StatusOr<oci::Reference> parsed = oci::ParseReference(reference);
  return parsed.ok() ? parsed->registry : "";
}

}  // namespace

absl::StatusOr<RemoteImage> CatalogImageSource::Find(const PullSpec& spec, const ProgressFn& progress,
                                                     const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const PullPlan plan, PlanPull(catalogs_, spec.reference, arch_, stop));
  if (!plan.bundle.has_value()) return FindAtRegistry(spec, plan, progress, stop);
  BANGER_RETURN_IF_ERROR(CheckPlatform(spec.platform, *plan.bundle));
  progress({.stage = "resolve", .detail = plan.detail});
  return RemoteImage{.reference = plan.bundle->bundle_url,
                     .digest = absl::StrCat("sha256:", plan.bundle->bundle_sha256),
                     .kernel = plan.kernel,
                     .builder = std::make_unique<BundlePull>(*plan.bundle, progress, fetch_)};
}

absl::StatusOr<RemoteImage> CatalogImageSource::FindAtRegistry(PullSpec spec, const PullPlan& plan,
                                                               const ProgressFn& progress,
                                                               const std::stop_token& stop) {
  if (!plan.detail.empty()) progress({.stage = "resolve", .detail = plan.detail});
  // The caller's login was for the registry that the name alone would mean.
  if (RegistryOf(plan.oci_reference) != RegistryOf(spec.reference)) {
    spec.login = {};
    spec.insecure = false;
  }
  spec.reference = plan.oci_reference;
  BANGER_ASSIGN_OR_RETURN(RemoteImage image, registries_.Find(spec, progress, stop));
  if (image.kernel.empty()) image.kernel = plan.kernel;
  return image;
}

}  // namespace banger::imaged
