#include "services/imaged/adapters/bundle_builder.h"

#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/archive/archive_path.h"
#include "common/archive/zstd_source.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/build_root.h"
#include "services/imaged/adapters/manifest.h"
#include "services/imaged/adapters/ready_rootfs.h"
#include "services/imaged/adapters/sparse_file.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr char kRootfs[] = "rootfs.ext4";
constexpr char kManifest[] = "manifest.json";
constexpr std::size_t kMaxManifest = 1 << 20;

absl::Status TakeRootfs(ArchiveReader& tar, std::int64_t size, const std::filesystem::path& path) {
  BANGER_ASSIGN_OR_RETURN(SparseFile file, SparseFile::Create(path));
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveReader::Block> block, tar.ReadBlock());
    if (!block.has_value()) return file.Finish(size);
    BANGER_RETURN_IF_ERROR(file.Write(block->offset, block->data));
  }
}

// The two members, each once; the text of manifest.json.
absl::StatusOr<std::string> TakeMembers(ArchiveReader& tar, const std::filesystem::path& rootfs) {
  std::set<std::string> seen;
  std::string manifest;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> entry, tar.Next());
    if (!entry.has_value()) break;
    const std::string& name = entry->path;
    const std::string shown = PrintableArchivePath(name);
    if (name != kRootfs && name != kManifest)
      return MemberRefused(shown, "a bundle holds exactly rootfs.ext4 and manifest.json");
    if (entry->type != ArchiveEntry::Type::kFile) return MemberRefused(shown, "is not a regular file");
    if (!seen.insert(name).second) return MemberRefused(shown, "is there twice");
    if (name == kRootfs) {
      BANGER_RETURN_IF_ERROR(TakeRootfs(tar, entry->size, rootfs));
    } else {
      EntrySource text(tar);
      BANGER_ASSIGN_OR_RETURN(manifest, ReadAll(text, kMaxManifest));
    }
  }
  for (const char* const name : {kRootfs, kManifest})
    if (!seen.contains(name)) return ArchiveRefused(absl::StrCat("the bundle has no ", name));
  return manifest;
}

absl::StatusOr<std::string> Unpack(ByteSource& source, const ArchiveLimits& limits,
                                   const std::filesystem::path& rootfs, const std::stop_token& stop) {
  ZstdSource zstd(source);
  BANGER_ASSIGN_OR_RETURN(ArchiveReader tar, ArchiveReader::OpenPlainTar(zstd, limits));
  tar.StopOn(stop);
  BANGER_ASSIGN_OR_RETURN(std::string manifest, TakeMembers(tar, rootfs));
  const absl::Status padding = CheckPadding(tar, zstd);
  if (absl::IsInvalidArgument(padding)) return ArchiveRefused(padding.message());
  BANGER_RETURN_IF_ERROR(padding);
  return manifest;
}

absl::Status TakeFileSystem(ByteSource& source, const ArchiveLimits& limits,
                            const std::filesystem::path& path, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(SparseFile file, SparseFile::Create(path));
  std::vector<char> buffer(1 << 20);
  std::int64_t size = 0;
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("the caller has left");
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) return file.Finish(size);
    BANGER_RETURN_IF_ERROR(file.Write(size, absl::string_view(buffer.data(), count)));
    size += static_cast<std::int64_t>(count);
    if (size > limits.max_bytes)
      return ArchiveRefused(absl::StrCat("the file system has more than ", limits.max_bytes, " bytes"));
  }
}

}  // namespace

absl::StatusOr<BuiltRootfs> BundleBuilder::Build(const std::filesystem::path& rootfs,
                                                 std::int64_t wanted_bytes, const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckKeepsSize(wanted_bytes));
  absl::StatusOr<std::string> manifest = Unpack(source_, limits_, rootfs, stop);
  if (!manifest.ok()) return AsArchiveError(manifest.status());
  absl::StatusOr<Image> described = ParseManifest(*manifest);
  if (!described.ok()) return Annotate(described.status(), "the bundle");
  BANGER_ASSIGN_OR_RETURN(BuiltRootfs built, InspectRootfs(rootfs));
  if (built.arch.empty()) built.arch = PrintableArchivePath(described->arch);
  built.config = std::move(described->config);
  return built;
}

absl::StatusOr<BuiltRootfs> Ext4Builder::Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                               const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckKeepsSize(wanted_bytes));
  BANGER_RETURN_IF_ERROR(AsArchiveError(TakeFileSystem(source_, limits_, rootfs, stop)));
  return InspectRootfs(rootfs);
}

}  // namespace banger::imaged
