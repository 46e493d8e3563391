#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/vmd/adapters/agent_disk.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// <vms>/<uid>/{upper.ext4, work.ext4, agent.ext4, console.log, runtime.json} and
// <state>/agent/<digest>.ext4. Disks are sparse: making them costs the same
// whatever their size.
class DiskFiles final : public VmFiles {
 public:
  // `agent` is the program that guests run, `tools` the directory of its own.
  DiskFiles(std::filesystem::path vms_dir, std::filesystem::path agent_dir, std::filesystem::path agent,
            std::filesystem::path tools)
      : vms_dir_(std::move(vms_dir)), agent_disk_(std::move(agent_dir), std::move(agent), std::move(tools)) {}

  DiskPaths PathsOf(const std::string& uid) const override;
  absl::Status MakeDisks(const std::string& uid, const VmSizes& sizes) override;
  absl::Status GrowDisks(const std::string& uid, const VmSizes& sizes) override;
  absl::Status Remove(const std::string& uid) override;
  std::int64_t DiskUsed(const std::string& uid) const override;
  absl::StatusOr<std::vector<std::string>> List() override;
  absl::Status GiveAgentDisk(const std::string& uid) override;

  std::filesystem::path Directory(const std::string& uid) const { return vms_dir_ / uid; }

 private:
  const std::filesystem::path vms_dir_;
  vmd::AgentDisk agent_disk_;
};

}  // namespace banger::vmd
