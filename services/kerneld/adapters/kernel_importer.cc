#include "services/kerneld/adapters/kernel_importer.h"

#include <fcntl.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/archive/archive_reader.h"
#include "common/archive/metered_source.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/initrd_builder.h"
#include "services/kerneld/adapters/kernel_image.h"
#include "services/kerneld/adapters/manifest.h"
#include "services/kerneld/adapters/module_tree.h"
#include "services/kerneld/adapters/tree_extractor.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace fs = std::filesystem;
namespace {

// A full distribution kernel has 5,000 modules and 500 MB.
constexpr ArchiveLimits kLimits{.max_entries = 100'000, .max_bytes = std::int64_t{4} << 30};
constexpr std::int64_t kMaxImage = std::int64_t{1} << 30;
constexpr std::int64_t kMaxMetadata = 1 << 20;
constexpr char kBareImage[] = "image";

std::string HostArch() {
  utsname host{};
  ::uname(&host);
  return host.machine;
}

// Archive trouble in the words of the API; others, as of the disk or a caller
// that left, as they are.
absl::Status ArchiveError(const absl::Status& status, absl::string_view what) {
  if (!ErrorReason(status).empty()) return status;
  if (absl::IsDataLoss(status)) return KernelCorrupt(absl::StrCat(what, ": ", status.message()));
  return Annotate(status, what);
}

bool WantedInPackage(absl::string_view path) {
  return absl::StartsWith(path, "boot/vmlinu") || absl::StartsWith(path, "lib/modules/") ||
         absl::StartsWith(path, "usr/lib/modules/");
}

bool WantEverything(absl::string_view) { return true; }

// Where the bytes go, and when to give up.
struct Target {
  const fs::path& tree;
  const std::stop_token& stop;
};

absl::StatusOr<std::vector<std::string>> ExtractAll(ArchiveReader& tar, const Target& target,
                                                    const PathFilter& wanted) {
  absl::StatusOr<std::vector<std::string>> files = ExtractTree(tar, target.tree, wanted, target.stop);
  if (absl::IsResourceExhausted(files.status()) && absl::StartsWith(files.status().message(), "archive"))
    return ArchiveRefused(files.status().message());
  return files;
}

absl::StatusOr<std::vector<std::string>> UnpackTar(ByteSource& source, const Target& target,
                                                   const PathFilter& wanted) {
  BANGER_ASSIGN_OR_RETURN(ArchiveReader tar, ArchiveReader::OpenTar(source, kLimits));
  return ExtractAll(tar, target, wanted);
}

absl::StatusOr<std::vector<std::string>> UnpackTarball(ByteSource& source, const Target& target) {
  BANGER_ASSIGN_OR_RETURN(ArchiveReader tar, ArchiveReader::OpenPlainTar(source, kLimits));
  BANGER_ASSIGN_OR_RETURN(std::vector<std::string> files, ExtractAll(tar, target, WantEverything));
  const absl::Status padding = CheckPadding(tar, source);
  if (absl::IsInvalidArgument(padding)) return ArchiveRefused(padding.message());
  if (!padding.ok()) return padding;
  return files;
}

absl::StatusOr<std::vector<std::string>> UnpackDeb(ByteSource& source, const Target& target) {
  BANGER_ASSIGN_OR_RETURN(ArchiveReader package, ArchiveReader::OpenAr(source, kLimits));
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> member, package.Next());
    if (!member.has_value()) return KernelCorrupt("it is no Debian package: it has no data.tar");
    if (!absl::StartsWith(member->path, "data.tar")) continue;
    EntrySource data(package);
    return UnpackTar(data, target, WantedInPackage);
  }
}

absl::StatusOr<std::vector<std::string>> SaveImage(ByteSource& source, const fs::path& tree) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(tree / kBareImage, O_WRONLY | O_CREAT | O_EXCL));
  std::array<char, 64 << 10> buffer;
  std::int64_t size = 0;
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) return std::vector<std::string>{kBareImage};
    size += static_cast<std::int64_t>(count);
    if (size > kMaxImage) return ArchiveRefused("the kernel image has more than 1 GiB");
    BANGER_RETURN_IF_ERROR(WriteFully(fd.get(), absl::string_view(buffer.data(), count)));
  }
}

absl::StatusOr<std::vector<std::string>> Unpack(Format format, ByteSource& source, const Target& target) {
  switch (format) {
    case Format::kDeb:
      return UnpackDeb(source, target);
    case Format::kImage:
      return SaveImage(source, target.tree);
    case Format::kTarball:
      return UnpackTarball(source, target);
    case Format::kBundle:
    case Format::kTree:
      break;
  }
  return UnpackTar(source, target, WantEverything);
}

// Reads what stands behind the archive's end, so that the caller is not cut off
// while it still sends, and the source can say that bytes are missing.
absl::Status Drain(ByteSource& source) {
  std::array<char, 64 << 10> buffer;
  for (std::int64_t rest = kLimits.max_bytes; rest > 0;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) return absl::OkStatus();
    rest -= static_cast<std::int64_t>(count);
  }
  return ArchiveRefused("there is no end of bytes behind the archive");
}

// metadata.json, or the manifest.json that a bundle may have instead.
absl::StatusOr<SourceMetadata> ReadMetadata(const fs::path& tree, const std::vector<std::string>& files) {
  for (const char* name : {"metadata.json", "manifest.json"}) {
    if (std::find(files.begin(), files.end(), name) == files.end()) continue;
    const absl::StatusOr<std::string> text = ReadFile(tree / name, kMaxMetadata);
    if (!text.ok()) return ArchiveRefused(text.status().message());
    return ParseSourceMetadata(*text);
  }
  return SourceMetadata{};
}

absl::Status Move(const fs::path& from, const fs::path& to) {
  std::error_code error;
  fs::rename(from, to, error);
  if (error) return ErrnoError(error.value(), absl::StrCat("rename '", from.string(), "'"));
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<BuiltKernel> KernelImporter::Build(ByteSource& source, const BuildRequest& request,
                                                  const Staging& staging, const ProgressFn& progress,
                                                  const std::stop_token& stop) {
  const fs::path tree = staging.work_dir() / "tree";
  BANGER_RETURN_IF_ERROR(MakeDirectories(tree));
  MeteredSource metered(source, request.stage, request.total_bytes, progress, stop);
  const absl::StatusOr<std::vector<std::string>> files = Unpack(request.format, metered, {tree, stop});
  if (!files.ok()) return ArchiveError(files.status(), "unpack the kernel");
  BANGER_RETURN_IF_ERROR(ArchiveError(Drain(metered), "unpack the kernel"));
  BANGER_ASSIGN_OR_RETURN(SourceMetadata metadata, ReadMetadata(tree, *files));
  if (request.format == Format::kImage) metadata.kernel_path = kBareImage;
  BANGER_ASSIGN_OR_RETURN(const KernelLayout layout, FindKernelLayout(*files, metadata));
  progress({.stage = "assemble", .detail = layout.image});
  if (stop.stop_requested()) return absl::CancelledError("the caller has left");
  return Assemble(tree, layout, metadata, request.arch.empty() ? HostArch() : request.arch,
                  staging.kernel_dir());
}

absl::StatusOr<BuiltKernel> KernelImporter::Assemble(const fs::path& tree, const KernelLayout& layout,
                                                     const SourceMetadata& metadata, const std::string& arch,
                                                     const fs::path& kernel_dir) {
  BANGER_ASSIGN_OR_RETURN(VmlinuxFacts facts,
                          ExtractVmlinux(tree / layout.image, kernel_dir / "vmlinux", arch));
  BANGER_ASSIGN_OR_RETURN(const std::string modules, ChooseModules(layout, facts.kernel_version));
  // Before the modules, as it may lie among them.
  if (!layout.initrd.empty()) BANGER_RETURN_IF_ERROR(Move(tree / layout.initrd, kernel_dir / "initrd.img"));
  if (!modules.empty()) BANGER_RETURN_IF_ERROR(Move(tree / modules, kernel_dir / "modules"));
  if (layout.initrd.empty()) BANGER_RETURN_IF_ERROR(MakeInitrd(kernel_dir, facts.has_virtio_blk));
  BuiltKernel built{.distro = metadata.distro,
                    .arch = std::move(facts.arch),
                    .kernel_version = std::move(facts.kernel_version),
                    .sha256 = std::move(facts.sha256)};
  if (built.kernel_version.empty()) built.kernel_version = metadata.kernel_version;
  if (built.kernel_version.empty() && !layout.modules_given)
    built.kernel_version = fs::path(modules).filename();
  return built;
}

absl::Status KernelImporter::MakeInitrd(const fs::path& kernel_dir, bool image_has_virtio_blk) {
  std::error_code error;
  const fs::path directory = kernel_dir / "modules";
  BANGER_ASSIGN_OR_RETURN(ModuleTree modules,
                          ModuleTree::Open(fs::exists(directory, error) ? directory : fs::path()));
  // Without modules.builtin the image's own strings have to tell.
  if (!modules.knows_built_ins() && image_has_virtio_blk && !modules.IsModule("virtio_blk"))
    modules.AssumeBuiltIn("virtio_blk");
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> names, PlanModules(modules));
  if (names.empty()) return absl::OkStatus();
  BANGER_ASSIGN_OR_RETURN(const fs::path init, find_init_());
  return WriteModuleInitrd(kernel_dir / "initrd.img", init, modules, names);
}

}  // namespace banger::kerneld
