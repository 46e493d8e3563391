#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "services/vmd/adapters/kernel_identity.h"
#include "services/vmd/core/snapshot_files.h"

namespace banger::vmd {

// In the VM's directory:
//
//   snapshots/NAME/{seal, upper.ext4, work.ext4}        and with memory
//                  {agent.ext4, ...}                    and what the VMM wrote
//   snapshots/.new        unfinished
//   snapshots/.gone       being deleted
//   restore/              a stage
//   restored/             a stage that is being committed
//
// What is published is never written to again, so whatever only reads it (memory, the
// agent's disk) is linked; disks are copied, by reflink where the file system can.
class DiskSnapshots final : public SnapshotFiles {
 public:
  explicit DiskSnapshots(const VmFiles& files) : files_(files) {}

  absl::Status CheckFree(const std::string& uid, const std::string& name) override;
  absl::StatusOr<std::filesystem::path> Begin(const std::string& uid) override;
  absl::Status CopyDisks(const std::string& uid, bool with_agent) override;
  absl::StatusOr<Snapshot> Publish(const std::string& uid, const Snapshot& snapshot,
                                   const std::stop_token& stop) override;
  absl::Status Abandon(const std::string& uid) override;
  absl::StatusOr<std::vector<Snapshot>> List(const std::string& uid) override;
  absl::StatusOr<Snapshot> Find(const std::string& uid, const std::string& name) override;
  absl::Status Verify(const std::string& uid, const std::string& name, const std::stop_token& stop) override;
  absl::Status Delete(const std::string& uid, const std::string& name) override;
  absl::Status Stage(const std::string& uid, const std::string& name, const std::string& to) override;
  Staged StageOf(const std::string& uid) const override;
  absl::Status CommitStage(const std::string& uid) override;
  absl::Status DropStage(const std::string& uid) override;
  bool IsUnfinished(const std::string& uid) const override;
  absl::Status Recover(const std::string& uid) override;
  absl::StatusOr<KernelIdentity> IdentifyKernel(const std::filesystem::path& vmlinux) override {
    return kernels_.Of(vmlinux);
  }

 private:
  std::filesystem::path VmDirectory(const std::string& uid) const;
  std::filesystem::path Directory(const std::string& uid, const std::string& name) const;
  absl::Status Remove(const std::string& uid, const std::string& name) const;
  absl::Status MoveStaged(const std::string& uid);

  const VmFiles& files_;
  KernelIdentities kernels_;
};

}  // namespace banger::vmd
