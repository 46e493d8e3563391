// What kerneld's core needs from the host.
#pragma once

#include <filesystem>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/progress.h"
#include "services/kerneld/core/kernel.h"

namespace banger {
class ByteSource;  // core hands it on and never reads it
}

namespace banger::kerneld {

// A kernel in the making, which nobody sees; gone with the object unless it was
// published.
class Staging {
 public:
  virtual ~Staging() = default;
  // Holds exactly the kernel's files: vmlinux, initrd.img, modules/.
  virtual std::filesystem::path kernel_dir() const = 0;
  // For whatever is on the way to them.
  virtual std::filesystem::path work_dir() const = 0;
};

// The kernels on disk. Thread-safe; the caller keeps changes of one id serial.
class KernelStore {
 public:
  virtual ~KernelStore() = default;
  // Sorted by id; what is broken is left out.
  virtual absl::StatusOr<std::vector<KernelFiles>> List() = 0;
  // KERNEL_NOT_FOUND; KERNEL_CORRUPT when it is broken.
  virtual absl::StatusOr<KernelFiles> Find(const std::string& id) = 0;
  // Also true for broken ones.
  virtual bool Exists(const std::string& id) = 0;
  virtual absl::StatusOr<std::unique_ptr<Staging>> Stage() = 0;
  // Makes the staged files and a manifest of `kernel` visible as a whole,
  // replacing what is there.
  virtual absl::Status Publish(Staging& staging, const Kernel& kernel) = 0;
  // KERNEL_NOT_FOUND.
  virtual absl::Status Remove(const std::string& id) = 0;
};

struct BuildRequest {
  Format format = Format::kImage;
  std::string arch;              // empty: this host's
  std::int64_t total_bytes = 0;  // of the source, for progress
  std::string stage = "import";  // what progress calls the reading; empty: the source reports itself
};

struct BuiltKernel {
  std::string distro;  // as the source says, may be empty
  std::string arch;
  std::string kernel_version;
  std::string sha256;
};

// Makes a bootable kernel out of a stream.
class KernelBuilder {
 public:
  virtual ~KernelBuilder() = default;
  // Reads the source once and leaves the files in staging.kernel_dir().
  virtual absl::StatusOr<BuiltKernel> Build(ByteSource& source, const BuildRequest& request,
                                            const Staging& staging, const ProgressFn& progress,
                                            const std::stop_token& stop) = 0;
};

// A Debian package of one version.
struct PackageVersion {
  std::string name;  // the real one behind a meta package
  std::string version;
  std::int64_t size_bytes = 0;  // of the download
};

// A verified one, ready to be read.
struct FetchedPackage {
  PackageVersion package;
  std::shared_ptr<ByteSource> bytes;
};

// The host's own signed package sources.
class PackageSource {
 public:
  virtual ~PackageSource() = default;
  // What Fetch would get, as far as the package lists tell that are on this host
  // already: asks nobody. NOT_FOUND when they do not.
  virtual absl::StatusOr<PackageVersion> Find(const std::string& package, const std::stop_token& stop) = 0;
  // Downloads into `directory`, which the caller removes.
  virtual absl::StatusOr<FetchedPackage> Fetch(const std::string& package,
                                               const std::filesystem::path& directory,
                                               const ProgressFn& progress, const std::stop_token& stop) = 0;
};

// Tarballs of catalogs, from the network.
class TarballSource {
 public:
  virtual ~TarballSource() = default;
  // The tar in it, unpacked as it comes. Whoever has read it to its end without an
  // error has what the entry names; else DATA_LOSS, SOURCE_UNREACHABLE or CANCELLED.
  // `progress` hears how far the download is and of trouble on the way, from
  // another thread.
  virtual std::shared_ptr<ByteSource> Open(const CatalogEntry& entry, const ProgressFn& progress,
                                           const std::stop_token& stop) = 0;
};

// The catalogs that the host's administrator configured, and the built-in one.
class CatalogSource {
 public:
  virtual ~CatalogSource() = default;
  struct Listing {
    std::vector<CatalogEntry> entries;  // sorted by id, each id once
    std::vector<std::string> warnings;  // what could not be had, for people
  };
  // The best of what can be had; an error is CANCELLED.
  virtual absl::StatusOr<Listing> List(const std::stop_token& stop) = 0;
  // CATALOG_ENTRY_NOT_FOUND; SOURCE_UNREACHABLE when a catalog that may have it
  // cannot be had.
  virtual absl::StatusOr<CatalogEntry> Find(const std::string& id, const std::stop_token& stop) = 0;
};

}  // namespace banger::kerneld
