#include "services/imaged/adapters/oci_index.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/archive/archive_path.h"
#include "common/oci/digest.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/json_fields.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

using nlohmann::json;

constexpr int kMaxJsonDepth = 100;
constexpr std::int64_t kMaxBlob = std::int64_t{1} << 40;
constexpr char kRefName[] = "org.opencontainers.image.ref.name";

std::optional<oci::Platform> PlatformIn(const json& entry) {
  const json platform = Member(entry, "platform");
  if (!platform.is_object()) return std::nullopt;
  return oci::Platform{Text(platform, "os"), Text(platform, "architecture"), Text(platform, "variant")};
}

}  // namespace

absl::StatusOr<json> ParseOciDocument(const std::string& text, const std::string& what) {
  bool too_deep = false;
  const auto within_depth = [&too_deep](int depth, json::parse_event_t, const json&) {
    too_deep = too_deep || depth > kMaxJsonDepth;
    return !too_deep;
  };
  json value = json::parse(text, within_depth, /*allow_exceptions=*/false);
  if (too_deep) return ImageCorrupt(absl::StrCat(what, " is nested too deeply"));
  if (!value.is_object()) return ImageCorrupt(absl::StrCat(what, " is not a JSON object"));
  return value;
}

absl::StatusOr<Descriptor> ParseDescriptor(const json& value, const std::string& what) {
  Descriptor descriptor{Text(value, "mediaType"), Text(value, "digest"), Integer(value, "size")};
  if (!oci::IsDigest(descriptor.digest))
    return ImageCorrupt(absl::StrCat(what, " has the digest '", PrintableArchivePath(descriptor.digest),
                                     "', which is neither sha256 nor sha512"));
  if (descriptor.size <= 0 || descriptor.size > kMaxBlob)
    return ImageCorrupt(absl::StrCat(what, " has ", descriptor.size, " bytes, as its descriptor says"));
  return descriptor;
}

bool IsIndexType(const std::string& media_type) {
  return media_type == "application/vnd.oci.image.index.v1+json" ||
         media_type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

absl::StatusOr<std::vector<IndexEntry>> ParseIndex(const json& index, const std::string& what) {
  const auto manifests = index.find("manifests");
  if (manifests == index.end() || !manifests->is_array())
    return ImageCorrupt(absl::StrCat(what, " has no list of manifests"));
  std::vector<IndexEntry> entries;
  for (const json& value : *manifests) {
    BANGER_ASSIGN_OR_RETURN(Descriptor descriptor,
                            ParseDescriptor(value, absl::StrCat("an entry of ", what)));
    entries.push_back(
        {std::move(descriptor), PlatformIn(value), Text(Member(value, "annotations"), kRefName)});
  }
  return entries;
}

std::vector<IndexEntry> BestFits(const std::vector<IndexEntry>& entries, const oci::Platform& platform) {
  std::vector<IndexEntry> best;
  int best_fit = -1;
  for (const IndexEntry& entry : entries) {
    const std::optional<int> fit = entry.platform ? oci::Fit(platform, *entry.platform) : 0;
    if (!fit || *fit < best_fit) continue;
    if (*fit > best_fit) best.clear();
    best_fit = *fit;
    best.push_back(entry);
  }
  return best;
}

std::string PlatformsOf(const std::vector<IndexEntry>& entries) {
  std::set<std::string> platforms;
  for (const IndexEntry& entry : entries)
    if (entry.platform && entry.platform->os != "unknown")
      platforms.insert(PrintableArchivePath(entry.platform->ToString()));
  return platforms.empty() ? "none" : absl::StrJoin(platforms, ", ");
}

}  // namespace banger::imaged
