#include "services/imaged/adapters/oci_image.h"

#include <algorithm>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/archive/archive_path.h"
#include "common/oci/digest.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/json_fields.h"
#include "services/imaged/adapters/oci_index.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

using nlohmann::json;

constexpr int kMaxIndexDepth = 4;
constexpr std::size_t kMaxLayers = 1000;

bool IsSchema1(const std::string& media_type, const json& document) {
  return absl::StartsWith(media_type, "application/vnd.docker.distribution.manifest.v1+") ||
         Integer(document, "schemaVersion") == 1;
}

// A manifest or an index, and of the type that was announced: bytes that are the
// one for a reader and the other for the next are refused.
absl::StatusOr<json> ReadDocument(OciDocuments& documents, const Descriptor& descriptor) {
  if (descriptor.size > kMaxOciDocument)
    return ImageCorrupt(absl::StrCat("document ", descriptor.digest, " has ", descriptor.size, " bytes"));
  BANGER_ASSIGN_OR_RETURN(const std::string text, documents.Read(descriptor));
  BANGER_ASSIGN_OR_RETURN(json document, ParseOciDocument(text, absl::StrCat("blob ", descriptor.digest)));
  if (IsSchema1(descriptor.media_type, document))
    return ArchiveRefused("the image is in Docker's old format (schema 1); push it again with a newer tool");
  if (document.contains("manifests") == document.contains("layers"))
    return ImageCorrupt(absl::StrCat("blob ", descriptor.digest, " is neither an index nor a manifest"));
  const std::string own_type = Text(document, "mediaType");
  const bool named_otherwise = !own_type.empty() && own_type != descriptor.media_type;
  if (named_otherwise || IsIndexType(descriptor.media_type) != document.contains("manifests"))
    return ImageCorrupt(absl::StrCat("blob ", descriptor.digest, " is not of its media type"));
  return document;
}

struct Manifest {
  std::string digest;
  json document;
};

absl::StatusOr<Manifest> ChooseManifest(OciDocuments& documents, Descriptor descriptor,
                                        const oci::Platform& platform) {
  for (int depth = 0; depth < kMaxIndexDepth; ++depth) {
    BANGER_ASSIGN_OR_RETURN(json document, ReadDocument(documents, descriptor));
    if (!document.contains("manifests")) return Manifest{descriptor.digest, std::move(document)};
    BANGER_ASSIGN_OR_RETURN(const std::vector<IndexEntry> entries,
                            ParseIndex(document, absl::StrCat("index ", descriptor.digest)));
    const std::vector<IndexEntry> best = BestFits(entries, platform);
    if (best.empty()) return PlatformNotFound(platform.ToString(), PlatformsOf(entries));
    descriptor = best.front().descriptor;
  }
  return ImageCorrupt("the image's indexes are nested too deeply");
}

absl::Status CheckLayerType(const std::string& type) {
  for (const char* const known :
       {"application/vnd.oci.image.layer.v1.tar", "application/vnd.oci.image.layer.v1.tar+gzip",
        "application/vnd.oci.image.layer.v1.tar+zstd",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
        "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
        "application/vnd.docker.image.rootfs.diff.tar", "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "application/vnd.docker.image.rootfs.diff.tar.zstd"})
    if (type == known) return absl::OkStatus();
  return ArchiveRefused(absl::StrCat("the image has a layer of type '", PrintableArchivePath(type), "'"));
}

absl::StatusOr<std::vector<Descriptor>> LayersOf(const json& manifest) {
  const json layers = Member(manifest, "layers");
  if (!layers.is_array()) return ArchiveRefused("the image has no layers");
  std::vector<Descriptor> descriptors;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    BANGER_RETURN_IF_ERROR(CheckLayerType(Text(layers[i], "mediaType")));
    BANGER_ASSIGN_OR_RETURN(Descriptor blob, ParseDescriptor(layers[i], absl::StrCat("layer ", i + 1)));
    descriptors.push_back(std::move(blob));
  }
  return descriptors;
}

absl::StatusOr<std::vector<OciLayer>> WithDiffIds(std::vector<Descriptor> layers, const json& config) {
  const std::vector<std::string> diff_ids = Texts(Member(config, "rootfs"), "diff_ids");
  if (layers.empty()) return ArchiveRefused("the image has no layers");
  if (layers.size() > kMaxLayers)
    return ArchiveRefused(absl::StrCat("the image has ", layers.size(), " layers"));
  if (diff_ids.size() != layers.size())
    return ImageCorrupt(
        absl::StrCat("the image has ", layers.size(), " layers but ", diff_ids.size(), " diff_ids"));
  std::vector<OciLayer> result;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    if (!oci::IsDigest(diff_ids[i]))
      return ImageCorrupt(
          absl::StrCat("layer ", i + 1, " has the diff_id '", PrintableArchivePath(diff_ids[i]), "'"));
    result.push_back({std::move(layers[i]), diff_ids[i]});
  }
  return result;
}

absl::StatusOr<std::string> ReadConfig(OciDocuments& documents, const json& manifest) {
  BANGER_ASSIGN_OR_RETURN(const Descriptor descriptor,
                          ParseDescriptor(Member(manifest, "config"), "the image's config"));
  if (descriptor.size > kMaxOciDocument)
    return ImageCorrupt(absl::StrCat("the image's config has ", descriptor.size, " bytes"));
  return documents.Read(descriptor);
}

std::string TagsOf(const std::vector<IndexEntry>& entries) {
  std::set<std::string> tags;
  for (const IndexEntry& entry : entries)
    if (!entry.tag.empty()) tags.insert(PrintableArchivePath(entry.tag));
  return tags.empty() ? "none" : absl::StrJoin(tags, ", ");
}

}  // namespace

absl::StatusOr<OciImage> ReadOciImage(OciDocuments& documents, const Descriptor& root,
                                      const oci::Platform& platform) {
  BANGER_ASSIGN_OR_RETURN(const Manifest manifest, ChooseManifest(documents, root, platform));
  BANGER_ASSIGN_OR_RETURN(const std::string config, ReadConfig(documents, manifest.document));
  BANGER_ASSIGN_OR_RETURN(std::vector<Descriptor> layers, LayersOf(manifest.document));
  BANGER_ASSIGN_OR_RETURN(OciImage image, DescribeOciImage(config, std::move(layers), platform));
  image.digest = manifest.digest;
  return image;
}

absl::StatusOr<OciImage> DescribeOciImage(const std::string& text, std::vector<Descriptor> layers,
                                          const oci::Platform& platform) {
  BANGER_ASSIGN_OR_RETURN(const json config, ParseOciDocument(text, "the image's config"));
  if (const std::string os = Text(config, "os"); os != "linux")
    return ArchiveRefused(absl::StrCat("the image is for '", PrintableArchivePath(os), "', not linux"));
  const oci::Platform made_for{"linux", Text(config, "architecture"), ""};
  if (!made_for.architecture.empty() && made_for.architecture != platform.architecture)
    return PlatformNotFound(platform.ToString(), PrintableArchivePath(made_for.ToString()));
  OciImage image{.arch = oci::MachineOf(made_for.architecture)};
  BANGER_ASSIGN_OR_RETURN(image.layers, WithDiffIds(std::move(layers), config));
  const json run = Member(config, "config");
  image.config = {.env = Texts(run, "Env"),
                  .working_dir = Text(run, "WorkingDir"),
                  .user = Text(run, "User"),
                  .entrypoint = Texts(run, "Entrypoint"),
                  .cmd = Texts(run, "Cmd")};
  return image;
}

absl::StatusOr<Descriptor> FindInLayout(const std::string& index, const std::string& tag,
                                        const oci::Platform& platform) {
  BANGER_ASSIGN_OR_RETURN(const json document, ParseOciDocument(index, "index.json"));
  BANGER_ASSIGN_OR_RETURN(const std::vector<IndexEntry> entries, ParseIndex(document, "index.json"));
  std::vector<IndexEntry> candidates = entries;
  if (!tag.empty()) {
    std::erase_if(candidates, [&tag](const IndexEntry& entry) { return entry.tag != tag; });
    if (candidates.empty())
      return ArchiveRefused(absl::StrCat("the layout has no image '", PrintableArchivePath(tag),
                                         "'; its tags: ", TagsOf(entries)));
  }
  const std::vector<IndexEntry> best = BestFits(candidates, platform);
  if (best.empty()) return PlatformNotFound(platform.ToString(), PlatformsOf(candidates));
  // One image may have two tags.
  for (const IndexEntry& other : best)
    if (other.descriptor.digest != best.front().descriptor.digest)
      return ArchiveRefused(
          absl::StrCat("the layout holds more than one image; name one by its tag: ", TagsOf(candidates)));
  return best.front().descriptor;
}

}  // namespace banger::imaged
