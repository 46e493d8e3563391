#include "services/kerneld/adapters/manifest.h"

#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "common/archive/archive_path.h"
#include "common/json/fields.h"
#include "common/status/status_macros.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace {

absl::Status NormalizePath(std::string& path) {
  if (path.empty()) return absl::OkStatus();
  const absl::StatusOr<std::string> normal = NormalizeArchivePath(path);
  if (!normal.ok()) return ArchiveRefused(absl::StrCat("metadata.json: ", normal.status().message()));
  path = *normal;
  return absl::OkStatus();
}

}  // namespace

std::string FormatManifest(const Kernel& kernel) {
  const nlohmann::ordered_json json = {
      {"name", kernel.id},
      {"distro", kernel.distro},
      {"arch", kernel.arch},
      {"kernel_version", kernel.kernel_version},
      {"sha256", kernel.sha256},
      {"source", kernel.source},
      {"imported_at",
       absl::FormatTime(absl::RFC3339_full, absl::FromChrono(kernel.imported_at), absl::UTCTimeZone())},
  };
  // A source may be named in bytes that are no UTF-8.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

absl::StatusOr<Kernel> ParseManifest(const std::string& text, const std::string& id) {
  BANGER_ASSIGN_OR_RETURN(const Json json, ParseJsonObject(text));
  Kernel kernel{.id = id};
  std::string imported_at;
  BANGER_RETURN_IF_ERROR(TakeStrings(json, {{"distro", &kernel.distro},
                                            {"arch", &kernel.arch},
                                            {"kernel_version", &kernel.kernel_version},
                                            {"sha256", &kernel.sha256},
                                            {"source", &kernel.source},
                                            {"imported_at", &imported_at}}));
  absl::Time time = absl::UnixEpoch();
  std::string why;
  if (!imported_at.empty() && !absl::ParseTime(absl::RFC3339_full, imported_at, &time, &why))
    return absl::DataLossError(absl::StrCat("'imported_at' is no RFC 3339 time: ", why));
  kernel.imported_at = absl::ToChronoTime(time);
  return kernel;
}

absl::StatusOr<SourceMetadata> ParseSourceMetadata(const std::string& text) {
  const absl::StatusOr<Json> json = ParseJsonObject(text);
  SourceMetadata metadata;
  absl::Status status = json.status();
  if (status.ok()) {
    status = TakeStrings(*json, {{"kernel_path", &metadata.kernel_path},
                                 {"initrd_path", &metadata.initrd_path},
                                 {"modules_dir", &metadata.modules_dir},
                                 {"distro", &metadata.distro},
                                 {"arch", &metadata.arch},
                                 {"kernel_version", &metadata.kernel_version}});
  }
  if (!status.ok()) return KernelCorrupt(absl::StrCat("metadata: ", status.message()));
  for (std::string* path : {&metadata.kernel_path, &metadata.initrd_path, &metadata.modules_dir})
    BANGER_RETURN_IF_ERROR(NormalizePath(*path));
  return metadata;
}

}  // namespace banger::kerneld
