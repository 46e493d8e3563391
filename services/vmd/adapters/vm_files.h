#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/sync/mutex.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// <vms>/<uid>/{upper.ext4, work.ext4, console.log, runtime.json} and
// <state>/agent/<digest>.ext4. Disks are sparse: making them costs the same
// whatever their size.
class DiskFiles final : public VmFiles {
 public:
  // `agent` is the program that guests run.
  DiskFiles(std::filesystem::path vms_dir, std::filesystem::path agent_dir, std::filesystem::path agent)
      : vms_dir_(std::move(vms_dir)), agent_dir_(std::move(agent_dir)), agent_(std::move(agent)) {}

  DiskPaths PathsOf(const std::string& uid) const override;
  absl::Status MakeDisks(const std::string& uid, const VmSizes& sizes) override;
  absl::Status GrowDisks(const std::string& uid, const VmSizes& sizes) override;
  absl::Status Remove(const std::string& uid) override;
  std::int64_t DiskUsed(const std::string& uid) const override;
  absl::StatusOr<std::vector<std::string>> List() override;
  absl::StatusOr<std::filesystem::path> AgentDisk() override;

  std::filesystem::path Directory(const std::string& uid) const { return vms_dir_ / uid; }

 private:
  absl::Status BuildAgentDisk(const std::filesystem::path& disk) const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void RemoveOldAgentDisks() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::filesystem::path vms_dir_;
  const std::filesystem::path agent_dir_;
  const std::filesystem::path agent_;
  Mutex mutex_;
  // Of the program as it was when last looked at.
  std::string agent_key_ ABSL_GUARDED_BY(mutex_);
  std::filesystem::path agent_disk_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::vmd
