// What the catalog needs from the outside. Paths are names to hand on; the core
// opens none. Implementations are thread-safe unless they say otherwise.
#pragma once

#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/imaged/core/image.h"

namespace banger::imaged {

// Where images and their leases are. What it stores survives a crash as soon as
// a call has returned.
class ImageStore {
 public:
  virtual ~ImageStore() = default;

  // IMAGE_NOT_FOUND when there is none.
  virtual absl::StatusOr<Image> Find(const std::string& id) = 0;
  // Sorted by id.
  virtual absl::StatusOr<std::vector<Image>> List() = 0;

  // A new directory that is no image yet.
  virtual absl::StatusOr<std::filesystem::path> Stage() = 0;
  // Gives the staged image links to or copies of the kernel's files.
  virtual absl::Status AddKernel(const std::filesystem::path& staged, const KernelFiles& kernel) = 0;
  // Makes it an image, in place of one that is there, at once or not at all.
  // Gives it back with what only the store knows (disk_bytes).
  virtual absl::StatusOr<Image> Publish(const std::filesystem::path& staged, const Image& image) = 0;
  // Gives an image that is there the staged root file system for its own.
  virtual absl::StatusOr<Image> Adopt(const std::filesystem::path& staged, const Image& image) = 0;
  // Removes a staged directory; fine when it was published.
  virtual void Discard(const std::filesystem::path& staged) = 0;

  virtual absl::Status Remove(const std::string& id) = 0;

  // Null for the kernel: the image has one. Keeps a lease that exists.
  virtual absl::Status AddLease(const std::string& id, const std::string& lease,
                                const KernelFiles* kernel) = 0;
  virtual absl::Status RemoveLease(const std::string& id, const std::string& lease) = 0;
  virtual bool HasLease(const std::string& id, const std::string& lease) = 0;
  virtual absl::StatusOr<std::vector<std::string>> LeasesOf(const std::string& id) = 0;
  virtual absl::StatusOr<BootFiles> FilesOf(const Image& image, const std::string& lease) = 0;
  // IMAGE_CORRUPT when a registered file is not what it was.
  virtual absl::StatusOr<std::filesystem::path> RootfsOf(const Image& image) = 0;
};

class KernelSource {
 public:
  virtual ~KernelSource() = default;
  // An empty id asks for the default kernel. KERNEL_NOT_FOUND or NO_KERNEL as
  // reasons, UNAVAILABLE when kerneld does not answer.
  virtual absl::StatusOr<KernelFiles> Find(const std::string& id, const std::stop_token& stop) = 0;
};

// What came of an archive.
struct BuiltRootfs {
  std::int64_t size_bytes = 0;
  std::string os;
  std::string arch;
  ImageConfig config;
  std::optional<InPlaceFile> in_place;  // when nothing was written
};

// Makes a root file system from some stream. Used once, by one thread.
class RootfsBuilder {
 public:
  virtual ~RootfsBuilder() = default;
  // Writes `rootfs`, which does not exist; may use its directory for more. Ends
  // with CANCELLED soon after a stop.
  virtual absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                            const std::stop_token& stop) = 0;
};

}  // namespace banger::imaged
