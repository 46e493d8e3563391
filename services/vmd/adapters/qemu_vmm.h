#pragma once

#include <filesystem>
#include <functional>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/process.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"
#include "services/vmd/adapters/accelerator_probe.h"
#include "services/vmd/adapters/qmp_client.h"
#include "services/vmd/adapters/runtime_record.h"
#include "services/vmd/adapters/tsc.h"
#include "services/vmd/core/ports.h"

namespace banger::vmd {

struct QemuOptions {
  std::string qemu_bin;             // a name in PATH or a path
  std::string vmm;                  // of the configuration
  std::filesystem::path run_dir;    // sockets: <run>/<uid>/{qmp,agent}
  std::filesystem::path vms_dir;    // records: <vms>/<uid>/runtime.json
  std::filesystem::path cache_dir;  // what KVM can do
  // Gives the tap of a VM on the bridge.
  std::function<absl::StatusOr<UniqueFd>(const std::string& uid)> open_tap;
};

// QEMU's microvm machine. Each VM is a process of its own session that outlives
// vmd, with two sockets that vmd connects to: its monitor and the channel to the
// guest's agent.
class QemuVmm final : public Vmm {
 public:
  QemuVmm(QemuOptions options, OnExit on_exit);
  // Leaves the VMs running.
  ~QemuVmm() override { StopWatching(); }

  // No OnExit after this; for the end of vmd.
  void StopWatching();

  absl::StatusOr<VmmProcess> Launch(const Machine& machine, const std::stop_token& stop) override;
  absl::StatusOr<VmmProcess> Adopt(const std::string& uid) override;
  std::optional<VmmProcess> Running(const std::string& uid) const override;
  absl::Status PowerDown(const std::string& uid) override;
  absl::Status Signal(const std::string& uid, int signal) override;
  bool WaitForEnd(const std::string& uid, std::chrono::milliseconds timeout,
                  const std::stop_token& stop) override;
  absl::Status Destroy(const std::string& uid) override;

 private:
  // A QEMU that we watch, until its Destroy.
  struct Instance {
    VmmProcess process;
    UniqueFd pidfd;
    std::int64_t console_begin = 0;
    Mutex mutex;
    std::string shutdown_reason ABSL_GUARDED_BY(mutex);  // of QMP's SHUTDOWN event
    std::unique_ptr<QmpClient> qmp;
    std::jthread watcher;
  };
  using InstancePtr = std::shared_ptr<Instance>;
  struct Spawned;

  absl::StatusOr<Spawned> Spawn(const Machine& machine, const std::stop_token& stop);
  InstancePtr Watch(const std::string& uid, VmmProcess process, UniqueFd pidfd, std::int64_t console_begin,
                    UniqueFd qmp_socket);
  void AwaitEnd(const std::string& uid, const InstancePtr& instance, const std::stop_token& stop);
  VmmExit ExplainEnd(const std::string& uid, Instance& instance);
  InstancePtr FindInstance(const std::string& uid) const;
  absl::StatusOr<UniqueFd> FindLost(const std::string& uid) const;
  absl::Status RemoveTraces(const std::string& uid) const;

  std::filesystem::path SocketDir(const std::string& uid) const { return options_.run_dir / uid; }
  std::filesystem::path RecordPath(const std::string& uid) const {
    return options_.vms_dir / uid / "runtime.json";
  }
  std::filesystem::path ConsolePath(const std::string& uid) const {
    return options_.vms_dir / uid / "console.log";
  }

  const QemuOptions options_;
  const OnExit on_exit_;
  const TscClock tsc_;
  AcceleratorProbe probe_;
  mutable Mutex mutex_;
  std::map<std::string, InstancePtr> instances_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::vmd
