#include "cli/update/manifest.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/catalog/signed_catalog.h"
#include "common/digest/minisign.h"
#include "common/http/url.h"
#include "common/status/error.h"
#include "common/status/source_unreachable.h"
#include "common/status/status_macros.h"

namespace banger::cli {
namespace {

constexpr std::int64_t kMaxTarball = std::int64_t{2} << 30;
constexpr std::int64_t kMaxStoreVersion = 1'000'000;

bool IsWord(const std::string& text) {
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), [](unsigned char c) {
    return absl::ascii_isalnum(c) || c == '_';
  });
}

absl::Status CheckConfig(const UpdateConfig& config) {
  if (config.url.empty() || config.public_key.empty())
    return absl::FailedPreconditionError(
        "config.toml does not have both update_url and update_public_key: see docs/update.md");
  BANGER_RETURN_IF_ERROR(Annotate(http::CheckUrl(config.url, /*allow_http=*/false), "update_url"));
  return Annotate(MinisignKey::Parse(config.public_key).status(), "update_public_key");
}

}  // namespace

std::optional<ReleaseVersion> ParseReleaseVersion(const std::string& text) {
  const std::vector<std::string> parts = absl::StrSplit(text, '.');
  ReleaseVersion version{};
  if (parts.size() != version.size()) return std::nullopt;
  for (std::size_t i = 0; i < parts.size(); ++i)
    if (!absl::SimpleAtoi(parts[i], &version[i]) || version[i] < 0 || absl::StrCat(version[i]) != parts[i])
      return std::nullopt;
  return version;
}

absl::StatusOr<Release> ParseRelease(const Json& item, const std::string& url_of_list) {
  Release release;
  std::int64_t store = 0;
  std::string url;
  BANGER_RETURN_IF_ERROR(TakeStrings(item, {{"name", &release.id},
                                            {"version", &release.version},
                                            {"commit", &release.commit},
                                            {"arch", &release.arch},
                                            {"tarball_url", &url},
                                            {"tarball_sha256", &release.tarball.sha256}}));
  BANGER_RETURN_IF_ERROR(TakeCount(item, "size_bytes", release.tarball.size_bytes));
  BANGER_RETURN_IF_ERROR(TakeCount(item, "store_version", store));
  BANGER_RETURN_IF_ERROR(
      catalog::CheckTexts({&release.id, &release.version, &release.commit, &release.arch, &url}));
  const auto wrong = [&release](absl::string_view why) {
    return absl::InvalidArgumentError(absl::StrCat("entry '", release.id, "': ", why));
  };
  if (!ParseReleaseVersion(release.version).has_value()) return wrong("version is not written as 0.2.0");
  if (!IsWord(release.commit)) return wrong("commit is none");
  if (!IsWord(release.arch)) return wrong("arch is none");
  if (release.id != absl::StrCat("banger-", release.version, "-linux-", release.arch))
    return wrong("name is not that of its version and arch");
  if (store < 1 || store > kMaxStoreVersion) return wrong("store_version is none");
  release.store_version = static_cast<int>(store);
  release.tarball.url = http::ResolveUrl(url_of_list, url);
  if (url.empty() || release.tarball.url.empty()) return wrong("tarball_url is no address");
  absl::Status tarball = http::CheckRedirect(url_of_list, release.tarball.url, /*allow_http=*/false);
  if (tarball.ok()) tarball = catalog::CheckRemoteFile(release.tarball, "tarball", kMaxTarball);
  if (!tarball.ok()) return wrong(tarball.message());
  return release;
}

absl::StatusOr<std::vector<Release>> FetchReleases(const UpdateConfig& config,
                                                   const std::filesystem::path& copy,
                                                   const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckConfig(config));
  BANGER_ASSIGN_OR_RETURN(
      catalog::SignedDocument document,
      catalog::SignedDocument::Create(
          {.kind = "release", .url = config.url, .public_key = config.public_key, .copy = copy}));
  catalog::SignedCatalog<Release> releases(std::move(document), ParseRelease);
  auto loaded = releases.Load(stop);
  // The last good list would say what was new then.
  absl::Status fetched = loaded.status();
  if (loaded.ok()) fetched = loaded->stale;
  if (absl::IsUnavailable(fetched)) return SourceUnreachable(config.url, fetched.message());
  if (!fetched.ok()) return Annotate(fetched, absl::StrCat("releases of '", config.url, "'"));
  return std::move(loaded->catalog.entries);
}

}  // namespace banger::cli
