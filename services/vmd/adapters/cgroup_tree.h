// Limits for VMMs by cgroup v2, in a part of the host's cgroups that is delegated to us.
#pragma once

#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/vmd/core/vm.h"

namespace banger::vmd {

struct CgroupLimits {
  std::int64_t memory_bytes = 0;
  int cpus = 0;  // how many it may keep busy
  int threads = 0;

  bool operator==(const CgroupLimits&) const = default;
};

// For a VMM that takes `overhead_mib` at most besides its guest's memory.
CgroupLimits LimitsOf(const VmSizes& sizes, std::int64_t overhead_mib);

// The groups of VMMs: TREE/vm-UID, and TREE/banger-vmd with vmd itself, as a group
// with limits for others has no processes of its own. Without a tree (the default)
// there are no groups and all is well: paths are empty. Groups outlive vmd, as VMMs
// do. Thread-safe.
class CgroupTree {
 public:
  CgroupTree() = default;

  // `configured`: the tree's directory, which has vmd's own group somewhere below
  // it; FAILED_PRECONDITION when it cannot be used. Empty: vmd's own group if its
  // user may change it and nobody else is in it, as with systemd's Delegate=yes;
  // else none. Says in the log which of them.
  static absl::StatusOr<CgroupTree> Open(const std::filesystem::path& configured);

  // cpu, memory, pids: those that the tree has. Without one its limit does not hold.
  const std::set<std::string>& controllers() const { return controllers_; }

  // For a VMM that joins it before it is executed.
  absl::StatusOr<std::filesystem::path> Make(const std::string& uid) const;
  absl::Status Limit(const std::string& uid, const CgroupLimits& limits) const;
  // Empty when there is none.
  std::filesystem::path Find(const std::string& uid) const;
  // Whether the kernel has ended its VMM for that.
  bool RanOutOfMemory(const std::string& uid) const;
  // Ends what is still in it. Fine when there is none.
  absl::Status Remove(const std::string& uid) const;

 private:
  explicit CgroupTree(std::filesystem::path tree) : tree_(std::move(tree)) {}
  static absl::StatusOr<CgroupTree> Take(const std::filesystem::path& tree);
  void EnableControllers();
  // Of VMMs that ended while nobody watched.
  void RemoveEmpty() const;
  std::filesystem::path PathOf(const std::string& uid) const { return tree_ / ("vm-" + uid); }

  std::filesystem::path tree_;  // empty: none
  std::set<std::string> controllers_;
};

// The directory of our own cgroup, of version 2; NOT_FOUND when there is none.
absl::StatusOr<std::filesystem::path> OwnCgroup();

}  // namespace banger::vmd
