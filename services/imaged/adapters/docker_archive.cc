#include "services/imaged/adapters/docker_archive.h"

#include <fcntl.h>

#include <algorithm>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/archive/archive_path.h"
#include "common/digest/sha256.h"
#include "common/oci/platform.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/build_root.h"
#include "services/imaged/adapters/file_source.h"
#include "services/imaged/adapters/json_fields.h"
#include "services/imaged/adapters/oci_image.h"
#include "services/imaged/adapters/oci_image_builder.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

using nlohmann::json;

constexpr char kManifest[] = "manifest.json";
constexpr std::int64_t kMaxText = 4 << 20;
constexpr int kMaxLinks = 8;

// The members of the archive, spooled under numbers of our own, since their names
// are anybody's.
class Members {
 public:
  static absl::StatusOr<Members> Spool(ByteSource& source, const std::filesystem::path& parent,
                                       const ArchiveLimits& limits, const std::stop_token& stop) {
    BANGER_ASSIGN_OR_RETURN(TempDir directory, TempDir::Create(parent));
    Members members(std::move(directory));
    BANGER_ASSIGN_OR_RETURN(ArchiveReader reader, ArchiveReader::OpenTar(source, limits));
    reader.StopOn(stop);
    for (;;) {
      BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> entry, reader.Next());
      if (!entry.has_value()) break;
      BANGER_RETURN_IF_ERROR(members.Take(reader, *entry));
    }
    BANGER_RETURN_IF_ERROR(Drain(source));
    return members;
  }

  absl::StatusOr<UniqueFd> Open(const std::string& name) const {
    std::string at = name;
    for (int links = 0; links < kMaxLinks; ++links) {
      if (const auto file = files_.find(at); file != files_.end())
        return OpenFile(directory_.path() / absl::StrCat(file->second), O_RDONLY);
      const auto link = links_.find(at);
      if (link == links_.end()) break;
      at = link->second;
    }
    return ImageCorrupt(absl::StrCat("the archive lacks '", PrintableArchivePath(name), "'"));
  }

  absl::StatusOr<std::string> Read(const std::string& name) const {
    BANGER_ASSIGN_OR_RETURN(const UniqueFd file, Open(name));
    FdSource bytes(file.get());
    const absl::StatusOr<std::string> text = ReadAll(bytes, kMaxText);
    if (absl::IsResourceExhausted(text.status()))
      return ImageCorrupt(absl::StrCat("'", PrintableArchivePath(name), "' is too large"));
    return text;
  }

  bool Has(const std::string& name) const { return files_.contains(name); }

 private:
  explicit Members(TempDir directory) : directory_(std::move(directory)) {}

  absl::Status Take(ArchiveReader& reader, const ArchiveEntry& entry) {
    const absl::StatusOr<std::string> path = NormalizeArchivePath(entry.path);
    if (!path.ok()) return MemberRefused(PrintableArchivePath(entry.path), path.status().message());
    if (entry.type == ArchiveEntry::Type::kSymlink) return TakeLink(*path, entry.link_target);
    if (entry.type != ArchiveEntry::Type::kFile) return absl::OkStatus();
    const int number = static_cast<int>(files_.size());
    if (!files_.emplace(*path, number).second) return MemberRefused(*path, "is there twice");
    BANGER_ASSIGN_OR_RETURN(const UniqueFd file,
                            OpenFile(directory_.path() / absl::StrCat(number), O_WRONLY | O_CREAT | O_EXCL));
    EntrySource source(reader);
    std::string buffer(256 << 10, '\0');
    for (;;) {
      BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
      if (count == 0) return absl::OkStatus();
      const absl::Status written = WriteFully(file.get(), absl::string_view(buffer.data(), count));
      if (absl::IsResourceExhausted(written)) return DiskFull(written.message());
      BANGER_RETURN_IF_ERROR(written);
    }
  }

  // "x/layer.tar" -> "../y/layer.tar": a name among the members, never followed on
  // the disk.
  absl::Status TakeLink(const std::string& path, const std::string& target) {
    const std::filesystem::path meant = std::filesystem::path(path).parent_path() / target;
    const absl::StatusOr<std::string> normal = NormalizeArchivePath(meant.lexically_normal().string());
    if (!normal.ok())
      return MemberRefused(PrintableArchivePath(path), "is a symlink that leaves the archive");
    links_[path] = *normal;
    return absl::OkStatus();
  }

  TempDir directory_;
  std::map<std::string, int> files_;
  std::map<std::string, std::string> links_;
};

// "library/app:v1" and "docker.io/library/app:v1" are "app:v1".
bool IsNamed(const std::string& tag, const std::string& reference) {
  return tag == reference || absl::EndsWith(tag, absl::StrCat("/", reference));
}

absl::StatusOr<json> ChooseImage(const std::string& manifest, const std::string& reference) {
  const json images = json::parse(manifest, nullptr, /*allow_exceptions=*/false);
  if (!images.is_array() || images.empty()) return ImageCorrupt("manifest.json lists no images");
  std::vector<json> chosen;
  std::vector<std::string> tags;
  for (const json& image : images) {
    const std::vector<std::string> names = Texts(image, "RepoTags");
    for (const std::string& name : names) tags.push_back(PrintableArchivePath(name));
    if (reference.empty() || std::any_of(names.begin(), names.end(),
                                         [&](const std::string& name) { return IsNamed(name, reference); }))
      chosen.push_back(image);
  }
  const std::string known = tags.empty() ? "none" : absl::StrJoin(tags, ", ");
  if (chosen.empty())
    return ArchiveRefused(
        absl::StrCat("the archive has no image '", PrintableArchivePath(reference), "'; its names: ", known));
  if (chosen.size() > 1)
    return ArchiveRefused(absl::StrCat("the archive holds more than one image; name one: ", known));
  return chosen.front();
}

// A config that is named by its digest has to have that.
absl::Status CheckConfig(const std::string& name, const std::string& text) {
  std::string hex = std::filesystem::path(name).filename().string();
  if (absl::EndsWith(hex, ".json")) hex.resize(hex.size() - 5);
  const bool is_digest = hex.size() == 64 && hex.find_first_not_of("0123456789abcdef") == std::string::npos;
  const std::string actual = Sha256Hex(text);
  if (!is_digest || hex == actual) return absl::OkStatus();
  return DigestMismatch("the image's config", absl::StrCat("sha256:", hex), absl::StrCat("sha256:", actual));
}

struct Found {
  OciImage image;
  std::vector<std::string> layers;  // names of members
};

absl::StatusOr<Found> FindImage(const Members& members, const std::string& reference,
                                const std::string& arch) {
  if (!members.Has(kManifest))
    return ArchiveRefused("the archive is none of docker save: it has no manifest.json");
  BANGER_ASSIGN_OR_RETURN(const std::string manifest, members.Read(kManifest));
  BANGER_ASSIGN_OR_RETURN(const json chosen, ChooseImage(manifest, reference));
  Found found;
  found.layers = Texts(chosen, "Layers");
  const std::string config_name = Text(chosen, "Config");
  BANGER_ASSIGN_OR_RETURN(const std::string config, members.Read(config_name));
  BANGER_RETURN_IF_ERROR(CheckConfig(config_name, config));
  std::vector<Descriptor> descriptors;
  for (const std::string& layer : found.layers) descriptors.push_back({.digest = layer});
  BANGER_ASSIGN_OR_RETURN(found.image,
                          DescribeOciImage(config, std::move(descriptors), oci::PlatformOf(arch)));
  return found;
}

}  // namespace

absl::StatusOr<BuiltRootfs> DockerArchiveBuilder::Build(const std::filesystem::path& rootfs,
                                                        std::int64_t wanted_bytes,
                                                        const std::stop_token& stop) {
  const absl::StatusOr<Members> members = Members::Spool(source_, rootfs.parent_path(), limits_, stop);
  if (!members.ok()) return AsArchiveError(members.status());
  BANGER_ASSIGN_OR_RETURN(const Found found, FindImage(*members, reference_, arch_));
  const auto open = [&](std::size_t index,
                        const std::stop_token&) -> absl::StatusOr<std::unique_ptr<ByteSource>> {
    BANGER_ASSIGN_OR_RETURN(UniqueFd layer, members->Open(found.layers[index]));
    return std::make_unique<FileSource>(std::move(layer));
  };
  return OciImageBuilder(found.image, open, limits_).Build(rootfs, wanted_bytes, stop);
}

}  // namespace banger::imaged
