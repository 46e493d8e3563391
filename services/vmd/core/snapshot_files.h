#pragma once

#include <filesystem>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/vmd/core/ports.h"
#include "services/vmd/core/snapshot.h"

namespace banger::vmd {

// Snapshots of a VM in its directory, and what a VM gets from one. Thread-safe; the
// caller holds the VM's lock, but to read. The unfinished snapshot of a VM is one.
class SnapshotFiles {
 public:
  virtual ~SnapshotFiles() = default;

  // SNAPSHOT_EXISTS when that name is taken.
  virtual absl::Status CheckFree(const std::string& uid, const std::string& name) = 0;
  // An empty directory for the unfinished snapshot, instead of what an earlier one left.
  virtual absl::StatusOr<std::filesystem::path> Begin(const std::string& uid) = 0;
  // The VM's disks into the unfinished snapshot, with those of the agent when
  // `with_agent`. Nothing may write to them meanwhile.
  virtual absl::Status CopyDisks(const std::string& uid, bool with_agent) = 0;
  // Seals the unfinished snapshot and gives it its name, all at once; on disk when this
  // returns. Gives it as List would.
  virtual absl::StatusOr<Snapshot> Publish(const std::string& uid, const Snapshot& snapshot,
                                           const std::stop_token& stop) = 0;
  // The unfinished snapshot goes; fine when there is none.
  virtual absl::Status Abandon(const std::string& uid) = 0;

  // By name. One whose seal cannot be read has only its name.
  virtual absl::StatusOr<std::vector<Snapshot>> List(const std::string& uid) = 0;
  // SNAPSHOT_NOT_FOUND, SNAPSHOT_DAMAGED.
  virtual absl::StatusOr<Snapshot> Find(const std::string& uid, const std::string& name) = 0;
  // Reads all of it: SNAPSHOT_DAMAGED with what is wrong.
  virtual absl::Status Verify(const std::string& uid, const std::string& name,
                              const std::stop_token& stop) = 0;
  // SNAPSHOT_NOT_FOUND.
  virtual absl::Status Delete(const std::string& uid, const std::string& name) = 0;

  // Puts the disks and the memory of a snapshot of `uid` beside those that the VM `to`
  // has, as its stage. An empty name is the unfinished snapshot, which is used up.
  virtual absl::Status Stage(const std::string& uid, const std::string& name, const std::string& to) = 0;
  struct Staged {
    DiskPaths disks;                  // logs: the VM's own
    std::filesystem::path directory;  // with what Vmm::Freeze wrote
  };
  virtual Staged StageOf(const std::string& uid) const = 0;
  // The stage's disks take the place of the VM's: of both or of none, also when vmd is
  // killed. Who has them open notices nothing.
  virtual absl::Status CommitStage(const std::string& uid) = 0;
  // Fine when there is none.
  virtual absl::Status DropStage(const std::string& uid) = 0;

  // After vmd was killed: whether there is an unfinished snapshot, for which the guest
  // may stand still.
  virtual bool IsUnfinished(const std::string& uid) const = 0;
  // After vmd was killed: a commit that had begun is ended, all else that is unfinished
  // goes.
  virtual absl::Status Recover(const std::string& uid) = 0;

  virtual absl::StatusOr<KernelIdentity> IdentifyKernel(const std::filesystem::path& vmlinux) = 0;
};

}  // namespace banger::vmd
