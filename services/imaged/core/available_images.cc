#include "services/imaged/core/available_images.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

// An image of that name that came from elsewhere is not this one. What a registry
// has under a tag is not asked here.
AvailableImage::State StateOf(const CatalogEntry& entry, ImageStore& store) {
  using State = AvailableImage::State;
  const absl::StatusOr<Image> here = store.Find(entry.id);
  if (absl::IsNotFound(here.status())) return State::kAvailable;
  if (!here.ok()) return State::kUpdate;
  const bool same = entry.bundle_url.empty() ? here->source == absl::StrCat("pull:", entry.oci_reference)
                                             : here->digest == absl::StrCat("sha256:", entry.bundle_sha256);
  return same ? State::kPulled : State::kUpdate;
}

}  // namespace

absl::StatusOr<AvailableImages> ListAvailable(CatalogSource& catalogs, ImageStore& store,
                                              const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(CatalogSource::Listing listing, catalogs.List(stop));
  AvailableImages available{.warnings = std::move(listing.warnings)};
  for (CatalogEntry& entry : listing.entries) {
    const AvailableImage::State state = StateOf(entry, store);
    available.images.push_back({.entry = std::move(entry), .state = state});
  }
  return available;
}

absl::StatusOr<PullPlan> PlanPull(CatalogSource& catalogs, const std::string& reference,
                                  const std::string& arch, const std::stop_token& stop) {
  PullPlan plan{.oci_reference = reference};
  if (!IsImageId(reference)) return plan;
  absl::StatusOr<std::optional<CatalogEntry>> entry = catalogs.Find(reference, stop);
  if (!entry.ok() && !absl::IsCancelled(entry.status()))
    return Annotate(entry.status(), absl::StrCat("a catalog may have '", reference, "' (docker.io/library/",
                                                 reference, " goes past the catalogs)"));
  BANGER_RETURN_IF_ERROR(entry.status());
  if (!entry->has_value()) return plan;
  CatalogEntry found = **std::move(entry);
  if (found.arch != arch)
    return Annotate(PlatformNotFound(arch, found.arch), absl::StrCat("the catalog's image '", found.id, "'"));
  plan.id = found.id;
  plan.kernel = found.kernel;
  plan.oci_reference = found.oci_reference;
  plan.detail = absl::StrCat(found.catalog,
                             " catalog: ", found.bundle_url.empty() ? found.oci_reference : found.bundle_url);
  if (!found.bundle_url.empty()) plan.bundle = std::move(found);
  return plan;
}

}  // namespace banger::imaged
