#include "services/kerneld/adapters/disk_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/kerneld/adapters/manifest.h"
#include "services/kerneld/core/kernel_name.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace fs = std::filesystem;
namespace {

constexpr char kVmlinux[] = "vmlinux";
constexpr char kInitrd[] = "initrd.img";
constexpr char kModules[] = "modules";
constexpr char kManifest[] = "manifest.json";
constexpr std::int64_t kMaxManifest = 1 << 20;

class DiskStaging final : public Staging {
 public:
  static absl::StatusOr<std::unique_ptr<Staging>> Create(const fs::path& parent) {
    BANGER_ASSIGN_OR_RETURN(TempDir directory, TempDir::Create(parent));
    auto staging = std::make_unique<DiskStaging>(std::move(directory));
    BANGER_RETURN_IF_ERROR(MakeDirectories(staging->kernel_dir(), 0755));
    BANGER_RETURN_IF_ERROR(MakeDirectories(staging->work_dir()));
    return std::unique_ptr<Staging>(std::move(staging));
  }

  explicit DiskStaging(TempDir directory) : directory_(std::move(directory)) {}
  fs::path kernel_dir() const override { return directory_.path() / "kernel"; }
  fs::path work_dir() const override { return directory_.path() / "work"; }

 private:
  TempDir directory_;
};

bool Is(const fs::path& path, fs::file_type type) {
  std::error_code error;
  return fs::status(path, error).type() == type;
}

std::int64_t SizeOfTree(const fs::path& directory) {
  std::int64_t total = 0;
  std::error_code error;
  fs::recursive_directory_iterator it(directory, error);
  for (; !error && it != fs::recursive_directory_iterator(); it.increment(error)) {
    struct stat info {};
    if (::lstat(it->path().c_str(), &info) == 0 && S_ISREG(info.st_mode)) total += info.st_size;
  }
  return total;
}

absl::Status SyncFile(const fs::path& path) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd fd, OpenFile(path, O_RDONLY));
  if (::fsync(fd.get()) < 0) return ErrnoError(errno, absl::StrCat("sync '", path.string(), "'"));
  return absl::OkStatus();
}

// rename(2), or swaps the two when the target exists.
absl::Status RenameOver(const fs::path& from, const fs::path& to) {
  if (::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_NOREPLACE) == 0)
    return absl::OkStatus();
  if (errno == EEXIST && ::renameat2(AT_FDCWD, from.c_str(), AT_FDCWD, to.c_str(), RENAME_EXCHANGE) == 0)
    return absl::OkStatus();
  return ErrnoError(errno, absl::StrCat("rename '", from.string(), "' to '", to.string(), "'"));
}

}  // namespace

absl::StatusOr<std::unique_ptr<DiskStore>> DiskStore::Open(const fs::path& root) {
  std::unique_ptr<DiskStore> store(new DiskStore(root));
  BANGER_RETURN_IF_ERROR(RemoveTree(store->staging_root()));
  BANGER_RETURN_IF_ERROR(MakeDirectories(root, 0755));
  BANGER_RETURN_IF_ERROR(MakeDirectories(store->staging_root()));
  return store;
}

absl::StatusOr<std::vector<KernelFiles>> DiskStore::List() {
  std::error_code error;
  fs::directory_iterator it(root_, error);
  std::vector<KernelFiles> kernels;
  for (; !error && it != fs::directory_iterator(); it.increment(error)) {
    const std::string id = it->path().filename();
    if (!IsValidKernelName(id)) continue;
    absl::StatusOr<KernelFiles> files = Find(id);
    if (files.ok()) {
      kernels.push_back(*std::move(files));
    } else if (!absl::IsNotFound(files.status())) {
      log::Warn("kernel left out of the list", {{"why", std::string(files.status().message())}});
    }
  }
  if (error) return ErrnoError(error.value(), absl::StrCat("read '", root_.string(), "'"));
  std::sort(kernels.begin(), kernels.end(),
            [](const KernelFiles& a, const KernelFiles& b) { return a.kernel.id < b.kernel.id; });
  return kernels;
}

absl::StatusOr<KernelFiles> DiskStore::Find(const std::string& id) {
  const fs::path directory = root_ / id;
  if (!Is(directory, fs::file_type::directory)) return KernelNotFound(id);
  absl::StatusOr<std::string> text = ReadFile(directory / kManifest, kMaxManifest);
  absl::StatusOr<Kernel> kernel = text.ok() ? ParseManifest(*text, id) : text.status();
  // Deleted between the two looks.
  if (!Is(directory, fs::file_type::directory)) return KernelNotFound(id);
  if (!kernel.ok())
    return KernelCorrupt(
        absl::StrCat("kernel '", id, "' is broken: ", kManifest, ": ", kernel.status().message()));
  KernelFiles files{.kernel = *std::move(kernel), .vmlinux = directory / kVmlinux};
  if (!Is(files.vmlinux, fs::file_type::regular))
    return KernelCorrupt(absl::StrCat("kernel '", id, "' is broken: it has no vmlinux"));
  if (Is(directory / kInitrd, fs::file_type::regular)) files.initrd = directory / kInitrd;
  if (Is(directory / kModules, fs::file_type::directory)) files.modules = directory / kModules;
  files.kernel.has_initrd = !files.initrd.empty();
  files.kernel.has_modules = !files.modules.empty();
  files.kernel.size_bytes = SizeOfTree(directory);
  return files;
}

bool DiskStore::Exists(const std::string& id) {
  std::error_code error;
  return fs::exists(fs::symlink_status(root_ / id, error));
}

absl::StatusOr<std::unique_ptr<Staging>> DiskStore::Stage() { return DiskStaging::Create(staging_root()); }

absl::Status DiskStore::Publish(Staging& staging, const Kernel& kernel) {
  const fs::path made = staging.kernel_dir();
  BANGER_RETURN_IF_ERROR(SyncFile(made / kVmlinux));
  if (Is(made / kInitrd, fs::file_type::regular)) BANGER_RETURN_IF_ERROR(SyncFile(made / kInitrd));
  BANGER_RETURN_IF_ERROR(WriteFileAtomically(made / kManifest, FormatManifest(kernel), 0644));
  // What was there before is now in the staging directory, and goes with it.
  BANGER_RETURN_IF_ERROR(RenameOver(made, root_ / kernel.id));
  return SyncDirectory(root_);
}

absl::Status DiskStore::Remove(const std::string& id) {
  if (!Exists(id)) return KernelNotFound(id);
  // First out of sight as a whole, so that nobody sees half a kernel.
  BANGER_ASSIGN_OR_RETURN(const TempDir grave, TempDir::Create(staging_root()));
  BANGER_RETURN_IF_ERROR(RenameOver(root_ / id, grave.path() / id));
  return SyncDirectory(root_);
}

}  // namespace banger::kerneld
