#include "services/kerneld/adapters/catalog_json.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/kerneld/core/kernel_name.h"

namespace banger::kerneld {
namespace {

constexpr std::int64_t kMaxTarball = std::int64_t{4} << 30;

// As Debian names packages; in particular no option of apt.
bool IsPackageName(const std::string& name) {
  return name.size() > 1 && absl::ascii_isalnum(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char byte) {
           return absl::ascii_islower(byte) || absl::ascii_isdigit(byte) || byte == '+' || byte == '-' ||
                  byte == '.';
         });
}

absl::Status CheckEntry(const CatalogEntry& entry) {
  if (!IsValidKernelName(entry.id)) return absl::InvalidArgumentError("has no valid name");
  if (entry.arch.empty()) return absl::InvalidArgumentError("has no arch");
  BANGER_RETURN_IF_ERROR(
      catalog::CheckTexts({&entry.distro, &entry.arch, &entry.kernel_version, &entry.description}));
  if (entry.tarball_url.empty() == entry.apt_package.empty())
    return absl::InvalidArgumentError("needs either tarball_url or apt_package");
  if (!entry.tarball_url.empty())
    return catalog::CheckRemoteFile({entry.tarball_url, entry.tarball_sha256, entry.size_bytes}, "tarball",
                                    kMaxTarball);
  return IsPackageName(entry.apt_package) ? absl::OkStatus()
                                          : absl::InvalidArgumentError("apt_package is no package's name");
}

}  // namespace

absl::StatusOr<CatalogEntry> ParseCatalogEntry(const Json& item, const std::string& origin) {
  CatalogEntry entry{.catalog = origin};
  absl::Status status = TakeStrings(item, {{"name", &entry.id},
                                           {"distro", &entry.distro},
                                           {"arch", &entry.arch},
                                           {"kernel_version", &entry.kernel_version},
                                           {"description", &entry.description},
                                           {"tarball_url", &entry.tarball_url},
                                           {"tarball_sha256", &entry.tarball_sha256},
                                           {"apt_package", &entry.apt_package}});
  if (status.ok()) status = TakeCount(item, "size_bytes", entry.size_bytes);
  if (status.ok()) status = CheckEntry(entry);
  if (!status.ok())
    return absl::InvalidArgumentError(absl::StrCat("entry '", entry.id, "': ", status.message()));
  return entry;
}

}  // namespace banger::kerneld
