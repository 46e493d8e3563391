#include "cli/update/choose.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/errors.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

absl::StatusOr<Release> FindRelease(const std::vector<Release>& releases, const std::string& arch,
                                    const std::string& version) {
  if (!ParseReleaseVersion(version).has_value())
    return UsageError(absl::StrCat("--to '", version, "' is no version such as 0.2.0"));
  std::vector<std::string> others;
  for (const Release& release : releases) {
    if (release.arch != arch) continue;
    if (release.version == version) return release;
    others.push_back(release.version);
  }
  return absl::NotFoundError(
      absl::StrCat("there is no release ", version, " for ", arch,
                   others.empty() ? "" : absl::StrCat("; there are ", absl::StrJoin(others, ", "))));
}

}  // namespace

bool IsNewer(const std::string& version, const std::string& than) {
  return ParseReleaseVersion(version) > ParseReleaseVersion(than);
}

std::optional<Release> NewestRelease(const std::vector<Release>& releases, const std::string& arch) {
  std::optional<Release> newest;
  for (const Release& release : releases)
    if (release.arch == arch && (!newest.has_value() || IsNewer(release.version, newest->version)))
      newest = release;
  return newest;
}

absl::StatusOr<std::optional<Release>> ChooseRelease(const std::vector<Release>& releases,
                                                     const Installation& here, const std::string& to) {
  std::optional<Release> chosen;
  if (to.empty()) {
    chosen = NewestRelease(releases, here.arch);
    if (!chosen.has_value()) return absl::NotFoundError(absl::StrCat("there is no release for ", here.arch));
    if (!IsNewer(chosen->version, here.version)) return std::nullopt;
  } else {
    BANGER_ASSIGN_OR_RETURN(chosen, FindRelease(releases, here.arch, to));
    if (chosen->version == here.version && chosen->commit == here.commit) return std::nullopt;
  }
  if (chosen->store_version < here.store_version)
    return absl::FailedPreconditionError(
        absl::StrCat("banger ", chosen->version, " knows vmd's store up to version ", chosen->store_version,
                     ", and the one here is of version ", here.store_version, ": it could not read its VMs"));
  return chosen;
}

}  // namespace banger::cli
