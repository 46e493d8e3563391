#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/keyed_lock.h"
#include "services/kerneld/core/ports.h"

namespace banger::kerneld {

// Packages from the host's own signed sources, by its own apt: sources and
// trusted keys are the host's, lists and caches are ours, so that no privilege
// is needed and the host's apt never notices. apt checks signatures and hashes;
// what it cannot verify it does not give out. Thread-safe.
class AptSource final : public PackageSource {
 public:
  struct Options {
    std::filesystem::path state_dir;  // ours; made when needed
    // Further "Key=value" options for apt, for tests.
    std::vector<std::string> apt_options;
  };

  explicit AptSource(Options options) : options_(std::move(options)) {}

  // SOURCE_UNREACHABLE when no source has the package or it cannot be fetched.
  // CANCELLED ends apt. Sources that do not answer are passed over.
  absl::StatusOr<FetchedPackage> Fetch(const std::string& package, const std::filesystem::path& directory,
                                       const ProgressFn& progress, const std::stop_token& stop) override;

 private:
  struct Candidate {
    std::string name;
    std::string version;
    std::int64_t size_bytes = 0;
  };

  std::vector<std::string> Command(const std::vector<std::string>& arguments) const;
  absl::Status Prepare() const;
  absl::Status Update(const std::stop_token& stop) const;
  absl::StatusOr<Candidate> Resolve(const std::string& package, const std::stop_token& stop) const;
  absl::StatusOr<std::filesystem::path> Download(const Candidate& candidate,
                                                 const std::filesystem::path& directory,
                                                 const ProgressFn& progress,
                                                 const std::stop_token& stop) const;
  absl::StatusOr<std::filesystem::path> ResolveAndDownload(const std::string& package, Candidate& candidate,
                                                           const std::filesystem::path& directory,
                                                           const ProgressFn& progress,
                                                           const std::stop_token& stop) const;

  const Options options_;
  KeyedLock in_use_;  // apt's lists take one user at a time
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
