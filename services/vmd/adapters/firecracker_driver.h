#pragma once

#include <functional>
#include <memory>
#include <string>

#include "services/vmd/adapters/firecracker_version.h"
#include "services/vmd/adapters/kvm_probe.h"
#include "services/vmd/adapters/vmm_driver.h"

namespace banger::vmd {

struct FirecrackerOptions {
  std::string firecracker_bin;     // a name in PATH or a path
  std::filesystem::path launcher;  // banger-confine
  // The interface of a VM on the bridge: Firecracker opens it by its name.
  std::function<absl::StatusOr<std::string>(const std::string& uid, const std::stop_token& stop)> tap_of;
};

// Firecracker, by its API. Its console is its stdout, appended to the console log;
// its log and metrics are files beside that; the agent's channel is its vsock.
// Thread-safe.
class FirecrackerDriver final : public VmmDriver {
 public:
  FirecrackerDriver(FirecrackerOptions options, KvmProbe& probe)
      : options_(std::move(options)), probe_(probe), program_(options_.firecracker_bin) {}

  // Whether it is here, fit to run, and KVM runs the machine's kernel.
  absl::StatusOr<bool> Works(const Machine& machine, const std::stop_token& stop);

  std::string name() const override { return "Firecracker"; }
  bool Knows(const std::string& vmm) const override;
  absl::StatusOr<SpawnedVmm> Spawn(const Machine& machine, const VmmPaths& paths,
                                   const std::stop_token& stop) override;
  absl::StatusOr<std::unique_ptr<VmmMonitor>> Connect(const VmmPaths& paths, int pidfd) override;
  AgentChannel Agent(const VmmPaths& paths) const override;

 private:
  const FirecrackerOptions options_;
  KvmProbe& probe_;
  FirecrackerProgram program_;
};

}  // namespace banger::vmd
