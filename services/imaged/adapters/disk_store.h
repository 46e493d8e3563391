#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "services/imaged/core/ports.h"

namespace banger::imaged {

// One directory an image:
//
//   <images>/NAME/rootfs.ext4              unless it was registered in place
//                 manifest.json
//                 vmlinux, initrd.img      when it was made with a kernel
//                 leases/vms:UID/          one directory a lease
//                               vmlinux, initrd.img   the default kernel at that time
//   <images>/.staging/                     what is no image yet or no more
//
// All is put in place by rename. A directory without manifest.json is no image.
// Thread-safe as long as work on one image is serial.
class DiskStore final : public ImageStore {
 public:
  // Makes the directories and sweeps what a crash left. Nobody else
  // may use the directory.
  static absl::StatusOr<DiskStore> Open(const std::filesystem::path& images_dir);

  absl::StatusOr<Image> Find(const std::string& id) override;
  absl::StatusOr<std::vector<Image>> List() override;
  absl::StatusOr<std::filesystem::path> Stage() override;
  absl::Status AddKernel(const std::filesystem::path& staged, const KernelFiles& kernel) override;
  absl::StatusOr<Image> Publish(const std::filesystem::path& staged, const Image& image) override;
  absl::StatusOr<Image> Adopt(const std::filesystem::path& staged, const Image& image) override;
  void Discard(const std::filesystem::path& staged) override;
  absl::Status Remove(const std::string& id) override;
  absl::Status AddLease(const std::string& id, const std::string& lease, const KernelFiles* kernel) override;
  absl::Status RemoveLease(const std::string& id, const std::string& lease) override;
  bool HasLease(const std::string& id, const std::string& lease) override;
  absl::StatusOr<std::vector<std::string>> LeasesOf(const std::string& id) override;
  absl::StatusOr<BootFiles> FilesOf(const Image& image, const std::string& lease) override;
  absl::StatusOr<std::filesystem::path> RootfsOf(const Image& image) override;

 private:
  explicit DiskStore(std::filesystem::path images)
      : images_(std::move(images)), staging_(images_ / ".staging") {}
  std::filesystem::path LeasePath(const std::string& id, const std::string& lease) const;
  // Removes root file systems of images whose own file is elsewhere.
  absl::Status SweepAdopted();
  // Out of sight at once, then gone; a crash between leaves it to the sweep.
  absl::Status Retire(const std::filesystem::path& directory);

  std::filesystem::path images_;
  std::filesystem::path staging_;
};

}  // namespace banger::imaged
