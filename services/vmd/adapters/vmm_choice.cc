#include "services/vmd/adapters/vmm_choice.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger::vmd {

absl::Status CheckVmm(const std::string& vmm) {
  static const std::set<std::string> kKnown = {"auto", "firecracker", "qemu", "qemu-kvm", "qemu-tcg"};
  if (kKnown.contains(vmm)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "configuration: vmm \"", vmm, "\" is not one of auto, firecracker, qemu, qemu-kvm, qemu-tcg"));
}

absl::StatusOr<VmmDriver*> VmmChoice::Choose(const Machine& machine, const std::stop_token& stop) {
  if (vmm_ == "firecracker") return &firecracker_;
  const bool possible = vmm_ == "auto" && machine.network_mode == NetworkMode::kBridge &&
                        machine.sizes.vcpu <= kMaxFirecrackerVcpus;
  if (!possible) return &qemu_;
  BANGER_ASSIGN_OR_RETURN(const bool works, firecracker_.Works(machine, stop));
  if (works) return &firecracker_;
  return &qemu_;
}

VmmDriver* VmmChoice::Find(const std::string& vmm) {
  for (VmmDriver* const driver : {static_cast<VmmDriver*>(&qemu_), static_cast<VmmDriver*>(&firecracker_)})
    if (driver->Knows(vmm)) return driver;
  return nullptr;
}

}  // namespace banger::vmd
