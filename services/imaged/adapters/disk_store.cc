#include "services/imaged/adapters/disk_store.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/adapters/in_place_file.h"
#include "services/imaged/adapters/manifest.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace fs = std::filesystem;
namespace {

constexpr char kManifest[] = "manifest.json";
constexpr std::int64_t kMaxManifestBytes = 1 << 20;
constexpr char kRootfs[] = "rootfs.ext4";
constexpr char kVmlinux[] = "vmlinux";
constexpr char kInitrd[] = "initrd.img";
constexpr char kLeases[] = "leases";

bool Exists(const fs::path& path) {
  std::error_code error;
  return fs::exists(path, error);
}

absl::Status ForApi(const absl::Status& status) {
  return absl::IsResourceExhausted(status) ? DiskFull(status.message()) : status;
}

// A hard link where both are on one file system and the kernel lets us link
// what may be another user's; else a copy. kerneld never writes in place.
absl::Status LinkOrCopy(const fs::path& from, const fs::path& to) {
  if (::link(from.c_str(), to.c_str()) == 0) return absl::OkStatus();
  return CloneFile(from, to, 0644);
}

absl::Status AddKernelFiles(const KernelFiles& kernel, const fs::path& directory) {
  BANGER_RETURN_IF_ERROR(LinkOrCopy(kernel.vmlinux, directory / kVmlinux));
  if (!kernel.initrd.empty()) BANGER_RETURN_IF_ERROR(LinkOrCopy(kernel.initrd, directory / kInitrd));
  return absl::OkStatus();
}

// Never written again, and for nobody else's eyes: it holds an /etc/shadow.
absl::Status SealRootfs(const fs::path& staged) {
  if (::chmod((staged / kRootfs).c_str(), 0400) == 0) return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("chmod '", (staged / kRootfs).string(), "'"));
}

// Names of directories, sorted, without those that begin with a dot.
absl::StatusOr<std::vector<std::string>> NamesIn(const fs::path& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator it(directory, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (name.front() != '.') names.push_back(name);
  }
  if (error && error.value() != ENOENT)
    return ErrnoError(error.value(), absl::StrCat("list '", directory.string(), "'"));
  std::sort(names.begin(), names.end());
  return names;
}

}  // namespace

absl::StatusOr<DiskStore> DiskStore::Open(const fs::path& images_dir) {
  DiskStore store(images_dir);
  BANGER_RETURN_IF_ERROR(RemoveTree(store.staging_));
  BANGER_RETURN_IF_ERROR(MakeDirectories(images_dir, 0700));
  BANGER_RETURN_IF_ERROR(MakeDirectories(store.staging_, 0700));
  BANGER_RETURN_IF_ERROR(store.SweepAdopted());
  return store;
}

absl::StatusOr<Image> DiskStore::Find(const std::string& id) {
  const fs::path directory = images_ / id;
  const absl::StatusOr<std::string> text = ReadFile(directory / kManifest, kMaxManifestBytes);
  if (absl::IsNotFound(text.status())) return ImageNotFound(id);
  BANGER_RETURN_IF_ERROR(text.status());
  absl::StatusOr<Image> image = ParseManifest(*text);
  if (!image.ok()) return Annotate(image.status(), absl::StrCat("image '", id, "'"));
  image->id = id;
  if (image->in_place.has_value()) return image;  // takes nothing here
  const absl::StatusOr<std::int64_t> used = DiskUsage(directory / kRootfs);
  if (absl::IsNotFound(used.status()))
    return ImageCorrupt(absl::StrCat("image '", id, "' has lost its rootfs.ext4"));
  BANGER_RETURN_IF_ERROR(used.status());
  image->disk_bytes = *used;
  return image;
}

absl::StatusOr<std::vector<Image>> DiskStore::List() {
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> names, NamesIn(images_));
  std::vector<Image> images;
  for (const std::string& name : names) {
    if (!IsImageId(name)) continue;
    // One broken image, or one that is being deleted, must not hide the others.
    if (absl::StatusOr<Image> image = Find(name); image.ok()) images.push_back(*std::move(image));
  }
  return images;
}

absl::StatusOr<fs::path> DiskStore::Stage() {
  absl::StatusOr<TempDir> directory = TempDir::Create(staging_);
  BANGER_RETURN_IF_ERROR(ForApi(directory.status()));
  return directory->Release();
}

absl::Status DiskStore::AddKernel(const fs::path& staged, const KernelFiles& kernel) {
  return ForApi(AddKernelFiles(kernel, staged));
}

absl::StatusOr<Image> DiskStore::Publish(const fs::path& staged, const Image& image) {
  BANGER_RETURN_IF_ERROR(ForApi(MakeDirectories(staged / kLeases)));
  const std::string manifest = FormatManifest(image);
  if (static_cast<std::int64_t>(manifest.size()) > kMaxManifestBytes)
    return ArchiveRefused("the image's environment and commands have more than 1 MiB");
  BANGER_RETURN_IF_ERROR(ForApi(WriteFileAtomically(staged / kManifest, manifest, 0644)));
  if (!image.in_place.has_value()) BANGER_RETURN_IF_ERROR(SealRootfs(staged));
  if (::chmod(staged.c_str(), 0700) != 0)
    return ErrnoError(errno, absl::StrCat("chmod '", staged.string(), "'"));
  const fs::path target = images_ / image.id;
  if (Exists(target)) BANGER_RETURN_IF_ERROR(Retire(target));
  BANGER_RETURN_IF_ERROR(ForApi(RenameDurably(staged, target)));
  return Find(image.id);
}

// The manifest says which file counts: after a crash between the two the image is
// in place as before, and Open removes the file that is nobody's.
absl::StatusOr<Image> DiskStore::Adopt(const fs::path& staged, const Image& image) {
  BANGER_RETURN_IF_ERROR(SealRootfs(staged));
  BANGER_RETURN_IF_ERROR(ForApi(WriteFileAtomically(staged / kManifest, FormatManifest(image), 0644)));
  const fs::path directory = images_ / image.id;
  BANGER_RETURN_IF_ERROR(ForApi(RenameDurably(staged / kRootfs, directory / kRootfs)));
  BANGER_RETURN_IF_ERROR(ForApi(RenameDurably(staged / kManifest, directory / kManifest)));
  return Find(image.id);
}

absl::Status DiskStore::SweepAdopted() {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Image> images, List());
  for (const Image& image : images)
    if (image.in_place.has_value()) BANGER_RETURN_IF_ERROR(RemoveTree(images_ / image.id / kRootfs));
  return absl::OkStatus();
}

void DiskStore::Discard(const fs::path& staged) { RemoveTree(staged).IgnoreError(); }

absl::Status DiskStore::Remove(const std::string& id) { return Retire(images_ / id); }

absl::Status DiskStore::Retire(const fs::path& directory) {
  BANGER_ASSIGN_OR_RETURN(const TempDir grave, TempDir::Create(staging_));
  BANGER_RETURN_IF_ERROR(RenameDurably(directory, grave.path() / "retired"));
  return SyncDirectory(directory.parent_path());
}

fs::path DiskStore::LeasePath(const std::string& id, const std::string& lease) const {
  return images_ / id / kLeases / absl::StrReplaceAll(lease, {{"/", ":"}});
}

absl::Status DiskStore::AddLease(const std::string& id, const std::string& lease, const KernelFiles* kernel) {
  const fs::path target = LeasePath(id, lease);
  BANGER_RETURN_IF_ERROR(ForApi(MakeDirectories(target.parent_path(), 0700)));
  absl::StatusOr<TempDir> staged = TempDir::Create(staging_);
  BANGER_RETURN_IF_ERROR(ForApi(staged.status()));
  if (kernel != nullptr) BANGER_RETURN_IF_ERROR(ForApi(AddKernelFiles(*kernel, staged->path())));
  BANGER_RETURN_IF_ERROR(ForApi(RenameDurably(staged->path(), target)));
  staged->Release();
  return absl::OkStatus();
}

absl::Status DiskStore::RemoveLease(const std::string& id, const std::string& lease) {
  const fs::path path = LeasePath(id, lease);
  return Exists(path) ? Retire(path) : absl::OkStatus();
}

bool DiskStore::HasLease(const std::string& id, const std::string& lease) {
  return Exists(LeasePath(id, lease));
}

absl::StatusOr<std::vector<std::string>> DiskStore::LeasesOf(const std::string& id) {
  BANGER_ASSIGN_OR_RETURN(std::vector<std::string> leases, NamesIn(images_ / id / kLeases));
  for (std::string& lease : leases) lease = absl::StrReplaceAll(lease, {{":", "/"}});
  return leases;
}

absl::StatusOr<BootFiles> DiskStore::FilesOf(const Image& image, const std::string& lease) {
  const fs::path own = images_ / image.id;
  const fs::path kernel = Exists(own / kVmlinux) ? own : LeasePath(image.id, lease);
  if (!Exists(kernel / kVmlinux))
    return ImageCorrupt(absl::StrCat("image '", image.id, "' has lost the kernel of ", lease));
  BANGER_ASSIGN_OR_RETURN(fs::path rootfs, RootfsOf(image));
  return BootFiles{.image = image,
                   .rootfs = std::move(rootfs),
                   .vmlinux = kernel / kVmlinux,
                   .initrd = Exists(kernel / kInitrd) ? kernel / kInitrd : fs::path()};
}

absl::StatusOr<fs::path> DiskStore::RootfsOf(const Image& image) {
  if (!image.in_place.has_value()) return images_ / image.id / kRootfs;
  const absl::StatusOr<UniqueFd> file = OpenUnchanged(*image.in_place);
  if (!file.ok()) return Annotate(file.status(), absl::StrCat("image '", image.id, "'"));
  return image.in_place->path;
}

}  // namespace banger::imaged
