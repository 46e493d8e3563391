#pragma once

#include <string>

#include "services/vmd/adapters/firecracker_driver.h"
#include "services/vmd/adapters/firecracker_requests.h"
#include "services/vmd/adapters/kvm_probe.h"
#include "services/vmd/adapters/qemu_driver.h"
#include "services/vmd/adapters/vmm_host.h"

namespace banger::vmd {

// INVALID_ARGUMENT when the configuration's `vmm` is none.
absl::Status CheckVmm(const std::string& vmm);

// The VMM of the configuration. "auto" is Firecracker where it is here and KVM runs
// the VM's kernel, else QEMU; without netd QEMU too, which has a network of its own.
class VmmChoice final : public VmmDrivers {
 public:
  VmmChoice(const std::filesystem::path& cache_dir, QemuOptions qemu, FirecrackerOptions firecracker)
      : vmm_(qemu.vmm),
        probe_(cache_dir, qemu.launcher),
        qemu_(std::move(qemu), probe_),
        firecracker_(std::move(firecracker), probe_) {}

  absl::StatusOr<VmmDriver*> Choose(const Machine& machine, const std::stop_token& stop) override;
  VmmDriver* Find(const std::string& vmm) override;

 private:
  const std::string vmm_;
  KvmProbe probe_;
  QemuDriver qemu_;
  FirecrackerDriver firecracker_;
};

}  // namespace banger::vmd
