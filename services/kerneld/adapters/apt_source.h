#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/keyed_lock.h"
#include "common/sync/mutex.h"
#include "services/kerneld/core/ports.h"

namespace banger::kerneld {

// Packages from the host's own signed sources, by its own apt: sources, trusted
// keys and package lists are the host's; newer lists and caches are ours, so that no
// privilege is needed and the host's apt never notices. apt checks signatures and hashes;
// what it cannot verify it does not give out. Thread-safe.
class AptSource final : public PackageSource {
 public:
  struct Options {
    std::filesystem::path state_dir;  // ours; made when needed
    // What the host's apt has fetched; read as long as ours is not newer.
    std::filesystem::path host_lists = "/var/lib/apt/lists";
    // Further "Key=value" options for apt, for tests.
    std::vector<std::string> apt_options;
  };

  explicit AptSource(Options options) : options_(std::move(options)) {}

  // Takes a moment for lists that are new, none afterwards.
  absl::StatusOr<PackageVersion> Find(const std::string& package, const std::stop_token& stop) override
      ABSL_LOCKS_EXCLUDED(mutex_);

  // SOURCE_UNREACHABLE when no source has the package or it cannot be fetched.
  // CANCELLED ends apt. Sources that do not answer are passed over.
  absl::StatusOr<FetchedPackage> Fetch(const std::string& package, const std::filesystem::path& directory,
                                       const ProgressFn& progress, const std::stop_token& stop) override;

 private:
  // The package lists in force, and since when.
  struct Lists {
    std::filesystem::path directory;
    std::filesystem::file_time_type changed;
  };
  struct Known {
    Lists lists;
    absl::StatusOr<PackageVersion> package;
  };

  Lists NewestLists() const;
  std::vector<std::string> Command(const std::filesystem::path& lists,
                                   const std::vector<std::string>& arguments) const;
  absl::Status Prepare() const;
  absl::Status Update(const std::stop_token& stop) const;
  absl::StatusOr<PackageVersion> Resolve(const std::string& package, const std::stop_token& stop) const;
  absl::StatusOr<std::filesystem::path> Download(const PackageVersion& candidate,
                                                 const std::filesystem::path& directory,
                                                 const ProgressFn& progress,
                                                 const std::stop_token& stop) const;
  absl::StatusOr<std::filesystem::path> ResolveAndDownload(const std::string& package,
                                                           PackageVersion& candidate,
                                                           const std::filesystem::path& directory,
                                                           const ProgressFn& progress,
                                                           const std::stop_token& stop) const;

  const Options options_;
  KeyedLock in_use_;  // apt's lists take one user at a time
  Mutex mutex_;
  std::map<std::string, Known> known_ ABSL_GUARDED_BY(mutex_);  // by the name asked for
};

// One paragraph of `apt-cache show`.
struct PackageRecord {
  std::string name;
  std::string version;
  std::int64_t size_bytes = 0;
  std::string kernel_dependency;  // the first linux-image-* that it depends on
};
PackageRecord ParsePackageRecord(const std::string& text);

}  // namespace banger::kerneld
