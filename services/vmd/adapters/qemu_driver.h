#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "services/vmd/adapters/kvm_probe.h"
#include "services/vmd/adapters/qemu_argv.h"
#include "services/vmd/adapters/tsc.h"
#include "services/vmd/adapters/vmm_driver.h"

namespace banger::vmd {

struct QemuOptions {
  std::string qemu_bin;            // a name in PATH or a path
  std::string vmm;                 // of the configuration
  std::filesystem::path launcher;  // banger-confine
  // Gives the tap of a VM on the bridge.
  std::function<absl::StatusOr<UniqueFd>(const std::string& uid)> open_tap;
};

// QEMU's microvm machine. It inherits two listening sockets, so that nobody has to
// wait for them to appear: its monitor and the channel to the guest's agent, a
// virtio-serial port. Thread-safe.
class QemuDriver final : public VmmDriver {
 public:
  QemuDriver(QemuOptions options, KvmProbe& probe) : options_(std::move(options)), probe_(probe) {}

  std::string name() const override { return "QEMU"; }
  bool Knows(const std::string& vmm) const override;
  absl::StatusOr<SpawnedVmm> Spawn(const Machine& machine, const VmmPaths& paths,
                                   const std::stop_token& stop) override;
  absl::StatusOr<std::unique_ptr<VmmMonitor>> Connect(const VmmPaths& paths, int pidfd) override;
  AgentChannel Agent(const VmmPaths& paths) const override { return {.socket = paths.sockets / "agent"}; }

 private:
  absl::StatusOr<Accelerator> Choose(const std::filesystem::path& qemu, const Machine& machine,
                                     const std::stop_token& stop);

  const QemuOptions options_;
  KvmProbe& probe_;
  const TscClock tsc_;
};

}  // namespace banger::vmd
