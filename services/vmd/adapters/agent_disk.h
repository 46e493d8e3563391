#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/mutex.h"

namespace banger::vmd {

// The read-only disk that all VMs boot from, <dir>/<digest>.ext4: /banger-agent, and
// below /guest the programs that it runs in the guest. Made anew when a file of it
// changes. Thread-safe.
class AgentDisk {
 public:
  AgentDisk(std::filesystem::path dir, std::filesystem::path agent, std::filesystem::path tools)
      : dir_(std::move(dir)), agent_(std::move(agent)), tools_(std::move(tools)) {}

  absl::StatusOr<std::filesystem::path> Get() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  // What is on the disk: its name there, and the file of the host.
  using Files = std::vector<std::pair<std::string, std::filesystem::path>>;

  absl::StatusOr<Files> Find() const;
  absl::Status Build(const std::filesystem::path& disk, const Files& files) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveOld() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::filesystem::path dir_;
  const std::filesystem::path agent_;
  const std::filesystem::path tools_;
  Mutex mutex_;
  // Of the files as they were when last looked at.
  std::string key_ ABSL_GUARDED_BY(mutex_);
  std::filesystem::path disk_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::vmd
