#include "services/imaged/core/image_catalog.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace {

constexpr std::int64_t kMaxImageBytes = std::int64_t{2} << 40;

absl::Status CheckNew(const std::string& id, std::int64_t size_bytes) {
  if (!IsImageId(id)) return ImageNameInvalid(id);
  if (size_bytes < 0 || size_bytes > kMaxImageBytes)
    return RequestInvalid("size_bytes", absl::StrCat(size_bytes, " is not 0 to ", kMaxImageBytes));
  return absl::OkStatus();
}

// Nothing that was asked for would differ.
bool IsUpToDate(const Image& image, const PullSpec& spec, const RemoteImage& remote) {
  return image.digest == remote.digest && (spec.kernel.empty() || spec.kernel == image.kernel) &&
         (spec.size_bytes == 0 || spec.size_bytes == image.size_bytes);
}

struct Staged {
  ImageStore& store;
  std::filesystem::path path;
  ~Staged() { store.Discard(path); }
};

}  // namespace

ImageCatalog::ImageCatalog(ImageStore& store, KernelSource& kernels, std::string arch,
                           std::function<std::int64_t()> clock)
    : store_(store), kernels_(kernels), arch_(std::move(arch)), clock_(std::move(clock)) {}

absl::StatusOr<Image> ImageCatalog::Get(const std::string& id) {
  if (!IsImageId(id)) return ImageNameInvalid(id);
  return store_.Find(id);
}

absl::StatusOr<ImagePage> ImageCatalog::List(const std::string& after, std::size_t limit) {
  BANGER_ASSIGN_OR_RETURN(std::vector<Image> all, store_.List());
  ImagePage page;
  for (Image& image : all) {
    if (image.id <= after) continue;
    if (page.images.size() == limit) {
      page.next_after = page.images.back().id;
      break;
    }
    page.images.push_back(std::move(image));
  }
  return page;
}

absl::StatusOr<Image> ImageCatalog::Import(const ImportSpec& spec, RootfsBuilder& builder,
                                           const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckNew(spec.id, spec.size_bytes));
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, locks_.Acquire(spec.id, stop));
  if (const absl::StatusOr<Image> old = store_.Find(spec.id); old.ok())
    return ImageExists(spec.id);
  else if (!absl::IsNotFound(old.status()))
    return old.status();
  std::optional<KernelFiles> kernel;
  if (!spec.kernel.empty()) {
    BANGER_ASSIGN_OR_RETURN(kernel, kernels_.Find(spec.kernel, stop));
  }
  const Image image{.id = spec.id,
                    .kernel = spec.kernel,
                    .source = spec.source,
                    .create_time = clock_(),
                    .digest = spec.digest};
  return Make(image, kernel ? &*kernel : nullptr, spec.size_bytes, builder, stop);
}

absl::StatusOr<Image> ImageCatalog::Pull(const PullSpec& spec, const RemoteImage& remote,
                                         const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckNew(spec.id, spec.size_bytes));
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, locks_.Acquire(spec.id, stop));
  if (absl::StatusOr<Image> old = store_.Find(spec.id); old.ok())
    return IsUpToDate(*old, spec, remote) ? std::move(old) : ImageExists(spec.id);
  else if (!absl::IsNotFound(old.status()))
    return old.status();
  const std::string& kernel_id = spec.kernel.empty() ? remote.kernel : spec.kernel;
  std::optional<KernelFiles> kernel;
  if (!kernel_id.empty()) {
    BANGER_ASSIGN_OR_RETURN(kernel, kernels_.Find(kernel_id, stop));
  }
  const Image image{.id = spec.id,
                    .kernel = kernel_id,
                    .source = absl::StrCat("pull:", remote.reference),
                    .create_time = clock_(),
                    .digest = remote.digest};
  return Make(image, kernel ? &*kernel : nullptr, spec.size_bytes, *remote.builder, stop);
}

absl::StatusOr<Image> ImageCatalog::Make(Image image, const KernelFiles* kernel, std::int64_t wanted_bytes,
                                         RootfsBuilder& builder, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(std::filesystem::path path, store_.Stage());
  const Staged staged{store_, std::move(path)};
  BANGER_ASSIGN_OR_RETURN(BuiltRootfs built, builder.Build(staged.path / "rootfs.ext4", wanted_bytes, stop));
  if (!built.arch.empty() && built.arch != arch_)
    return ArchiveRefused(absl::StrCat("the image is for ", built.arch, ", this host is ", arch_));
  image.arch = built.arch.empty() ? arch_ : built.arch;
  image.os = std::move(built.os);
  image.config = std::move(built.config);
  image.size_bytes = built.size_bytes;
  image.in_place = std::move(built.in_place);
  if (kernel != nullptr) BANGER_RETURN_IF_ERROR(store_.AddKernel(staged.path, *kernel));
  return store_.Publish(staged.path, image);
}

absl::Status ImageCatalog::ProvideBuiltIn(const std::string& id, const std::string& digest,
                                          RootfsBuilder& builder) {
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, locks_.Acquire(id, {}));
  const absl::StatusOr<Image> old = store_.Find(id);
  if (old.ok()) {
    if (old->digest == digest) return absl::OkStatus();
    BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> leases, store_.LeasesOf(id));
    if (!leases.empty()) return absl::OkStatus();
  }
  const Image image{
      .id = id, .source = "built-in", .create_time = clock_(), .built_in = true, .digest = digest};
  return Make(image, nullptr, 0, builder, {}).status();
}

absl::StatusOr<Image> ImageCatalog::Promote(const std::string& id, RootfsBuilder& copier,
                                            const std::stop_token& stop) {
  if (!IsImageId(id)) return ImageNameInvalid(id);
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, locks_.Acquire(id, stop));
  BANGER_ASSIGN_OR_RETURN(Image image, store_.Find(id));
  if (!image.in_place.has_value()) return image;
  BANGER_ASSIGN_OR_RETURN(std::filesystem::path path, store_.Stage());
  const Staged staged{store_, std::move(path)};
  BANGER_RETURN_IF_ERROR(copier.Build(staged.path / "rootfs.ext4", 0, stop).status());
  image.in_place.reset();
  return store_.Adopt(staged.path, image);
}

absl::Status ImageCatalog::Export(const std::string& id, const ExportFn& work) {
  if (!IsImageId(id)) return ImageNameInvalid(id);
  BANGER_ASSIGN_OR_RETURN(const Image image, store_.Find(id));
  BANGER_ASSIGN_OR_RETURN(const std::filesystem::path rootfs, store_.RootfsOf(image));
  BANGER_ASSIGN_OR_RETURN(std::filesystem::path path, store_.Stage());
  const Staged staged{store_, std::move(path)};
  const absl::Status done = work(image, rootfs, staged.path);
  // Somebody was faster.
  return absl::IsNotFound(done) && ErrorReason(done).empty() ? ImageNotFound(id) : done;
}

absl::Status ImageCatalog::Delete(const std::string& id, const std::stop_token& stop) {
  if (!IsImageId(id)) return ImageNameInvalid(id);
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, locks_.Acquire(id, stop));
  const absl::StatusOr<Image> image = store_.Find(id);
  if (absl::IsNotFound(image.status())) return image.status();
  if (image.ok() && image->built_in) return ImageBuiltIn(id);  // a broken one can always go
  BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> leases, store_.LeasesOf(id));
  if (!leases.empty()) return ImageInUse(id, leases);
  return store_.Remove(id);
}

absl::StatusOr<BootFiles> ImageCatalog::Acquire(const std::string& id, const std::string& lease,
                                                const std::stop_token& stop) {
  if (!IsImageId(id)) return ImageNameInvalid(id);
  if (!IsLease(lease)) return RequestInvalid("lease", absl::StrCat("'", lease, "' is not vms/UID"));
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, locks_.Acquire(id, stop));
  BANGER_ASSIGN_OR_RETURN(const Image image, store_.Find(id));
  BANGER_RETURN_IF_ERROR(store_.RootfsOf(image).status());  // before anything is held
  if (!store_.HasLease(id, lease)) {
    std::optional<KernelFiles> kernel;
    if (image.kernel.empty()) {
      absl::StatusOr<KernelFiles> found = kernels_.Find("", stop);
      if (ErrorReason(found.status()) == "NO_KERNEL") return NoKernel(id);
      BANGER_RETURN_IF_ERROR(found.status());
      kernel = *std::move(found);
    }
    BANGER_RETURN_IF_ERROR(store_.AddLease(id, lease, kernel ? &*kernel : nullptr));
  }
  return store_.FilesOf(image, lease);
}

absl::Status ImageCatalog::Release(const std::string& id, const std::string& lease,
                                   const std::stop_token& stop) {
  if (!IsImageId(id)) return ImageNameInvalid(id);
  if (!IsLease(lease)) return RequestInvalid("lease", absl::StrCat("'", lease, "' is not vms/UID"));
  BANGER_ASSIGN_OR_RETURN(const KeyedLock::Hold hold, locks_.Acquire(id, stop));
  return store_.RemoveLease(id, lease);
}

absl::StatusOr<std::vector<Lease>> ImageCatalog::Leases() {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Image> images, store_.List());
  std::vector<Lease> leases;
  for (const Image& image : images) {
    BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> held, store_.LeasesOf(image.id));
    for (const std::string& lease : held) leases.push_back({image.id, lease});
  }
  return leases;
}

}  // namespace banger::imaged
