#include "services/kerneld/adapters/catalog_json.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "common/http/url.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/json_fields.h"
#include "services/kerneld/core/kernel_name.h"

namespace banger::kerneld {
namespace {

constexpr std::size_t kMaxEntries = 10'000;
constexpr std::size_t kMaxText = 1000;
constexpr std::int64_t kMaxTarball = std::int64_t{4} << 30;

bool IsSha256(const std::string& text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char digit) {
           return absl::ascii_isdigit(digit) || (digit >= 'a' && digit <= 'f');
         });
}

// As Debian names packages; in particular no option of apt.
bool IsPackageName(const std::string& name) {
  return name.size() > 1 && absl::ascii_isalnum(name[0]) &&
         std::all_of(name.begin(), name.end(), [](char byte) {
           return absl::ascii_islower(byte) || absl::ascii_isdigit(byte) || byte == '+' || byte == '-' ||
                  byte == '.';
         });
}

absl::Status CheckTexts(const CatalogEntry& entry) {
  for (const std::string* text : {&entry.distro, &entry.arch, &entry.kernel_version, &entry.description}) {
    if (text->size() > kMaxText) return absl::InvalidArgumentError("has an overlong field");
    if (std::any_of(text->begin(), text->end(), [](char byte) { return absl::ascii_iscntrl(byte); }))
      return absl::InvalidArgumentError("has control characters");
  }
  return absl::OkStatus();
}

absl::Status CheckTarball(const CatalogEntry& entry) {
  // Which hosts http is allowed to is decided when it is fetched.
  const absl::Status url = http::CheckUrl(entry.tarball_url, /*allow_http=*/true);
  if (!url.ok()) return Annotate(url, "tarball_url");
  if (!IsSha256(entry.tarball_sha256))
    return absl::InvalidArgumentError("tarball_sha256 is not 64 lower-case hex digits");
  if (entry.size_bytes <= 0 || entry.size_bytes > kMaxTarball)
    return absl::InvalidArgumentError("size_bytes is not a number of bytes up to 4 GiB");
  return absl::OkStatus();
}

absl::Status CheckEntry(const CatalogEntry& entry) {
  if (!IsValidKernelName(entry.id)) return absl::InvalidArgumentError("has no valid name");
  if (entry.arch.empty()) return absl::InvalidArgumentError("has no arch");
  BANGER_RETURN_IF_ERROR(CheckTexts(entry));
  if (entry.tarball_url.empty() == entry.apt_package.empty())
    return absl::InvalidArgumentError("needs either tarball_url or apt_package");
  if (!entry.tarball_url.empty()) return CheckTarball(entry);
  return IsPackageName(entry.apt_package) ? absl::OkStatus()
                                          : absl::InvalidArgumentError("apt_package is no package's name");
}

absl::StatusOr<CatalogEntry> ParseEntry(const Json& item, const std::string& origin) {
  CatalogEntry entry{.catalog = origin};
  if (!item.is_object()) return absl::InvalidArgumentError("catalog: an entry is no object");
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
    return absl::InvalidArgumentError(absl::StrCat("catalog: entry '", entry.id, "': ", status.message()));
  return entry;
}

}  // namespace

absl::StatusOr<Catalog> ParseCatalog(const std::string& text, const std::string& origin) {
  const absl::StatusOr<Json> json = ParseJsonObject(text);
  Catalog catalog;
  absl::Status status = json.status();
  if (status.ok()) status = TakeCount(*json, "version", catalog.version);
  if (!status.ok()) return absl::InvalidArgumentError(absl::StrCat("catalog: ", status.message()));
  if (catalog.version == 0) return absl::InvalidArgumentError("catalog: it has no version");
  const auto entries = json->find("entries");
  if (entries == json->end() || !entries->is_array())
    return absl::InvalidArgumentError("catalog: it has no list of entries");
  if (entries->size() > kMaxEntries)
    return absl::InvalidArgumentError("catalog: it has more than 10000 entries");
  std::set<std::string> names;
  for (const Json& item : *entries) {
    BANGER_ASSIGN_OR_RETURN(CatalogEntry entry, ParseEntry(item, origin));
    if (!names.insert(entry.id).second)
      return absl::InvalidArgumentError(absl::StrCat("catalog: entry '", entry.id, "' is there twice"));
    catalog.entries.push_back(std::move(entry));
  }
  return catalog;
}

}  // namespace banger::kerneld
