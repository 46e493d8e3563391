#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"
#include "services/vmd/adapters/cgroup_tree.h"
#include "services/vmd/adapters/vmm_driver.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

// Which VMM runs what.
class VmmDrivers {
 public:
  virtual ~VmmDrivers() = default;
  virtual absl::StatusOr<VmmDriver*> Choose(const Machine& machine, const std::stop_token& stop) = 0;
  // Whose VmmProcess::vmm this is; null when there is none.
  virtual VmmDriver* Find(const std::string& vmm) = 0;
};

// VMMs as processes of their own session that outlive vmd: started, recorded,
// watched and ended in one way, whatever the driver.
class VmmHost final : public Vmm {
 public:
  struct Options {
    std::filesystem::path run_dir;  // sockets: <run>/<uid>
    std::filesystem::path vms_dir;  // records: <vms>/<uid>/runtime.json
    CgroupTree cgroups = {};
  };

  VmmHost(Options options, VmmDrivers& drivers, OnExit on_exit);
  // Leaves the VMs running.
  ~VmmHost() override { StopWatching(); }

  // No OnExit after this; for the end of vmd.
  void StopWatching();

  absl::StatusOr<VmmProcess> Launch(const Machine& machine, const std::stop_token& stop) override;
  absl::StatusOr<VmmProcess> Adopt(const std::string& uid) override;
  std::optional<VmmProcess> Running(const std::string& uid) const override;
  absl::Status PowerDown(const std::string& uid) override;
  absl::Status Pause(const std::string& uid) override;
  absl::Status Resume(const std::string& uid) override;
  absl::StatusOr<VmmIdentity> Freeze(const std::string& uid, const std::filesystem::path& directory,
                                     const std::stop_token& stop) override;
  absl::Status Signal(const std::string& uid, int signal) override;
  bool WaitForEnd(const std::string& uid, std::chrono::milliseconds timeout,
                  const std::stop_token& stop) override;
  absl::Status Destroy(const std::string& uid) override;

 private:
  // A VMM that we watch, until its Destroy.
  struct Instance {
    VmmProcess process;
    VmmPaths paths;
    UniqueFd pidfd;
    std::unique_ptr<VmmMonitor> monitor;
    std::jthread watcher;
  };
  using InstancePtr = std::shared_ptr<Instance>;

  absl::StatusOr<VmmDriver*> DriverOf(const Machine& machine, const std::stop_token& stop);
  InstancePtr Watch(const std::string& uid, Instance seen);
  void AwaitEnd(const std::string& uid, const InstancePtr& instance, const std::stop_token& stop);
  InstancePtr FindInstance(const std::string& uid) const;
  absl::Status RemoveTraces(const std::string& uid) const;
  VmmPaths PathsOf(const std::string& uid) const;

  const Options options_;
  VmmDrivers& drivers_;
  const OnExit on_exit_;
  mutable Mutex mutex_;
  std::map<std::string, InstancePtr> instances_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::vmd
