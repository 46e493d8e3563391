#include "services/imaged/adapters/oci_image.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/archive/archive_path.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/json_fields.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

using nlohmann::json;

constexpr int kMaxIndexDepth = 4;
constexpr int kMaxJsonDepth = 100;
constexpr std::size_t kMaxLayers = 1000;
constexpr char kRefName[] = "org.opencontainers.image.ref.name";

std::string ToOciArch(const std::string& arch) {
  if (arch == "x86_64") return "amd64";
  if (arch == "aarch64") return "arm64";
  return arch;
}

std::string FromOciArch(const std::string& arch) {
  if (arch == "amd64") return "x86_64";
  if (arch == "arm64") return "aarch64";
  if (arch == "386") return "i686";
  if (arch == "arm") return "armv7l";
  return arch;
}

// Copies of a document recurse, so a deep one would exhaust the stack.
absl::StatusOr<json> Parse(const std::string& text, const std::string& what) {
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

bool IsIndex(const json& descriptor) {
  const std::string type = Text(descriptor, "mediaType");
  return type == "application/vnd.oci.image.index.v1+json" ||
         type == "application/vnd.docker.distribution.manifest.list.v2+json";
}

std::string TagOf(const json& descriptor) { return Text(Member(descriptor, "annotations"), kRefName); }

// One without a platform may be for any; attestations are for "unknown".
bool SuitsPlatform(const json& descriptor, const std::string& oci_arch) {
  const json platform = Member(descriptor, "platform");
  if (!platform.is_object()) return true;
  return Text(platform, "os") == "linux" && Text(platform, "architecture") == oci_arch;
}

absl::StatusOr<std::vector<json>> ManifestsOf(const json& index) {
  const json manifests = Member(index, "manifests");
  if (!manifests.is_array()) return ImageCorrupt("an index has no list of manifests");
  return std::vector<json>(manifests.begin(), manifests.end());
}

std::string TagsOf(const std::vector<json>& descriptors) {
  std::set<std::string> tags;
  for (const json& descriptor : descriptors)
    if (!TagOf(descriptor).empty()) tags.insert(PrintableArchivePath(TagOf(descriptor)));
  return tags.empty() ? "none" : absl::StrJoin(tags, ", ");
}

// Equal descriptors (one image with two tags) are one image.
absl::StatusOr<json> TheOnlyOne(const std::vector<json>& descriptors, const std::string& oci_arch) {
  std::vector<json> suitable;
  for (const json& descriptor : descriptors) {
    const auto same = [&](const json& other) { return Text(other, "digest") == Text(descriptor, "digest"); };
    if (SuitsPlatform(descriptor, oci_arch) && std::none_of(suitable.begin(), suitable.end(), same))
      suitable.push_back(descriptor);
  }
  if (suitable.empty()) return ArchiveRefused(absl::StrCat("the layout holds no image for linux/", oci_arch));
  if (suitable.size() > 1)
    return ArchiveRefused(
        absl::StrCat("the layout holds more than one image; name one by its tag: ", TagsOf(suitable)));
  return suitable.front();
}

absl::StatusOr<json> ChooseManifest(const OciBlobs& blobs, const std::string& reference,
                                    const std::string& oci_arch) {
  BANGER_ASSIGN_OR_RETURN(json index, Parse(blobs.index(), "index.json"));
  BANGER_ASSIGN_OR_RETURN(std::vector<json> candidates, ManifestsOf(index));
  if (!reference.empty()) {
    std::vector<json> tagged;
    for (const json& descriptor : candidates)
      if (TagOf(descriptor) == reference) tagged.push_back(descriptor);
    if (tagged.empty())
      return ArchiveRefused(absl::StrCat("the layout has no image '", PrintableArchivePath(reference),
                                         "'; its tags: ", TagsOf(candidates)));
    candidates = std::move(tagged);
  }
  for (int depth = 0; depth < kMaxIndexDepth; ++depth) {
    BANGER_ASSIGN_OR_RETURN(const json chosen, TheOnlyOne(candidates, oci_arch));
    const std::string digest = Text(chosen, "digest");
    BANGER_ASSIGN_OR_RETURN(const std::string text, blobs.Read(digest, Integer(chosen, "size")));
    BANGER_ASSIGN_OR_RETURN(json document, Parse(text, absl::StrCat("blob ", digest)));
    if (document.contains("manifests") == document.contains("layers"))
      return ImageCorrupt(absl::StrCat("blob ", digest, " is neither an index nor a manifest"));
    if (IsIndex(chosen) != document.contains("manifests"))
      return ImageCorrupt(absl::StrCat("blob ", digest, " is not of its media type"));
    if (!document.contains("manifests")) return document;
    BANGER_ASSIGN_OR_RETURN(candidates, ManifestsOf(document));
  }
  return ImageCorrupt("the layout's indexes are nested too deeply");
}

absl::Status CheckLayerType(const json& descriptor) {
  const std::string type = Text(descriptor, "mediaType");
  for (const char* const known :
       {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd"})
    if (type == known) return absl::OkStatus();
  return ArchiveRefused(absl::StrCat("the image has a layer of type '", PrintableArchivePath(type), "'"));
}

absl::StatusOr<std::vector<OciLayer>> LayersOf(const json& manifest, const json& config) {
  const json layers = Member(manifest, "layers");
  const std::vector<std::string> diff_ids = Texts(Member(config, "rootfs"), "diff_ids");
  if (!layers.is_array() || layers.empty()) return ArchiveRefused("the image has no layers");
  if (layers.size() > kMaxLayers)
    return ArchiveRefused(absl::StrCat("the image has ", layers.size(), " layers"));
  if (diff_ids.size() != layers.size())
    return ImageCorrupt(
        absl::StrCat("the image has ", layers.size(), " layers but ", diff_ids.size(), " diff_ids"));
  std::vector<OciLayer> result;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    BANGER_RETURN_IF_ERROR(CheckLayerType(layers[i]));
    result.push_back({{.media_type = Text(layers[i], "mediaType"),
                       .digest = Text(layers[i], "digest"),
                       .size = Integer(layers[i], "size")},
                      diff_ids[i]});
  }
  return result;
}

}  // namespace

absl::StatusOr<OciImage> FindOciImage(const OciBlobs& blobs, const std::string& reference,
                                      const std::string& arch) {
  BANGER_ASSIGN_OR_RETURN(const json manifest, ChooseManifest(blobs, reference, ToOciArch(arch)));
  const json descriptor = Member(manifest, "config");
  BANGER_ASSIGN_OR_RETURN(const std::string text,
                          blobs.Read(Text(descriptor, "digest"), Integer(descriptor, "size")));
  BANGER_ASSIGN_OR_RETURN(const json config, Parse(text, "the image's config"));
  if (const std::string os = Text(config, "os"); os != "linux")
    return ArchiveRefused(absl::StrCat("the image is for '", PrintableArchivePath(os), "', not linux"));
  OciImage image;
  BANGER_ASSIGN_OR_RETURN(image.layers, LayersOf(manifest, config));
  image.arch = FromOciArch(Text(config, "architecture"));
  const json run = Member(config, "config");
  image.config = {.env = Texts(run, "Env"),
                  .working_dir = Text(run, "WorkingDir"),
                  .user = Text(run, "User"),
                  .entrypoint = Texts(run, "Entrypoint"),
                  .cmd = Texts(run, "Cmd")};
  return image;
}

}  // namespace banger::imaged
