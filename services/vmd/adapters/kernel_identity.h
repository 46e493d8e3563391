#pragma once

#include <filesystem>
#include <map>
#include <string>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "services/vmd/core/snapshot.h"

namespace banger::vmd {

// Reads each kernel once, as long as its file is the same one. Thread-safe.
class KernelIdentities {
 public:
  absl::StatusOr<KernelIdentity> Of(const std::filesystem::path& vmlinux);

 private:
  Mutex mutex_;
  // By what tells a file's content from any other without reading it.
  std::map<std::string, KernelIdentity> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::vmd
