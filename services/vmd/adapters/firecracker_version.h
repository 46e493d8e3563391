// Which Firecrackers banger runs.
#pragma once

#include <compare>
#include <filesystem>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/sync/mutex.h"

namespace banger::vmd {

struct FirecrackerVersion {
  int major = 0;
  int minor = 0;
  int patch = 0;

  auto operator<=>(const FirecrackerVersion&) const = default;
  std::string ToString() const;  // "1.14.4"
};

// Older ones, and kRefusedFirecracker, have published vulnerabilities.
inline constexpr FirecrackerVersion kOldestFirecracker{1, 14, 4};
inline constexpr FirecrackerVersion kRefusedFirecracker{1, 15, 0};
// Of the API that our requests are checked against. Newer ones run, untested.
inline constexpr FirecrackerVersion kNewestTestedFirecracker{1, 17, 0};

// The first line of `firecracker --version`: "Firecracker v1.14.4".
absl::StatusOr<FirecrackerVersion> ParseFirecrackerVersion(absl::string_view output);

// FAILED_PRECONDITION (VMM_VERSION_REFUSED) with what to install instead.
absl::Status CheckFirecrackerVersion(const std::string& program, const FirecrackerVersion& version);

// The Firecracker of the configuration, once it is fit to run. Asks it for its
// version until one is, and again when the file is another one. Thread-safe.
class FirecrackerProgram {
 public:
  explicit FirecrackerProgram(std::string program) : program_(std::move(program)) {}

  // FAILED_PRECONDITION (VMM_NOT_FOUND, VMM_VERSION_REFUSED, VMM_FAILED); CANCELLED.
  absl::StatusOr<std::filesystem::path> Find(const std::stop_token& stop);

 private:
  const std::string program_;  // a name in PATH or a path
  Mutex mutex_;
  std::string fit_ ABSL_GUARDED_BY(mutex_);  // the file that was asked
};

}  // namespace banger::vmd
