#include "services/imaged/adapters/catalog_json.h"

#include "absl/strings/str_cat.h"
#include "common/oci/reference.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/core/image.h"

namespace banger::imaged {
namespace {

constexpr std::int64_t kMaxBundle = std::int64_t{64} << 30;

absl::Status CheckEntry(const CatalogEntry& entry) {
  if (!IsImageId(entry.id)) return absl::InvalidArgumentError("has no valid name");
  if (entry.arch.empty()) return absl::InvalidArgumentError("has no arch");
  BANGER_RETURN_IF_ERROR(
      catalog::CheckTexts({&entry.distro, &entry.release, &entry.arch, &entry.description, &entry.kernel}));
  if (entry.bundle_url.empty() == entry.oci_reference.empty())
    return absl::InvalidArgumentError("needs either bundle_url or oci_reference");
  if (!entry.bundle_url.empty())
    return catalog::CheckRemoteFile({entry.bundle_url, entry.bundle_sha256, entry.size_bytes}, "bundle",
                                    kMaxBundle);
  return absl::OkStatus();
}

// In full, so that it says where an image came from.
absl::Status CompleteReference(std::string& reference) {
  if (reference.empty()) return absl::OkStatus();
  const absl::StatusOr<oci::Reference> parsed = oci::ParseReference(reference);
  if (!parsed.ok()) return Annotate(parsed.status(), "oci_reference");
  reference = parsed->ToString();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CatalogEntry> ParseCatalogEntry(const Json& item, const std::string& origin) {
  CatalogEntry entry{.catalog = origin};
  absl::Status status = TakeStrings(item, {{"name", &entry.id},
                                           {"distro", &entry.distro},
                                           {"release", &entry.release},
                                           {"arch", &entry.arch},
                                           {"description", &entry.description},
                                           {"bundle_url", &entry.bundle_url},
                                           {"bundle_sha256", &entry.bundle_sha256},
                                           {"oci_reference", &entry.oci_reference},
                                           {"kernel", &entry.kernel}});
  if (status.ok()) status = TakeCount(item, "size_bytes", entry.size_bytes);
  if (status.ok()) status = CheckEntry(entry);
  if (status.ok()) status = CompleteReference(entry.oci_reference);
  if (!status.ok())
    return absl::InvalidArgumentError(absl::StrCat("entry '", entry.id, "': ", status.message()));
  return entry;
}

}  // namespace banger::imaged
