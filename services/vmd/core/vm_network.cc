// The part of VmManager that is about the network: policies and published ports.
#include <algorithm>
#include <utility>

#include "common/log/log.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/vm_manager.h"
#include "services/vmd/errors.h"

namespace banger::vmd {

void VmManager::AddNetworkTo(VmView& view, const AllPorts& ports) const {
  for (const std::string& uid : view.vm.policy.peers) {
    const absl::StatusOr<std::optional<Vm>> peer = ports_.store.Find(uid);
    if (peer.ok() && peer->has_value()) view.allowed_vms.push_back((*peer)->name);
  }
  const auto [first, last] = ports.equal_range(view.vm.uid);
  for (auto port = first; port != last; ++port) {
    VmView::Port shown{.port = port->second};
    if (view.pid != 0 && !ports_.forwards.IsOpen(view.vm.uid, port->second))
      shown.problem = "nobody listens; publish it again to see why";
    view.ports.push_back(std::move(shown));
  }
}

absl::Status VmManager::AllowVms(const std::vector<std::string>& references, NetworkPolicy& policy) {
  for (const std::string& reference : references) {
    BANGER_ASSIGN_OR_RETURN(const Vm peer, Resolve(reference));
    if (std::find(policy.peers.begin(), policy.peers.end(), peer.uid) == policy.peers.end())
      policy.peers.push_back(peer.uid);
  }
  return absl::OkStatus();
}

absl::Status VmManager::ChangePolicy(const UpdateVm& change, NetworkPolicy& policy) {
  if (change.nat.has_value()) policy.nat = *change.nat;
  if (change.egress.has_value()) {
    policy.egress = change.egress->mode;
    policy.networks = change.egress->networks;
    policy.domains = change.egress->domains;
  }
  BANGER_RETURN_IF_ERROR(AllowVms(change.allow_vms, policy));
  for (const std::string& gone : change.disallow_vms) {
    BANGER_ASSIGN_OR_RETURN(const Vm peer, Resolve(gone));
    std::erase(policy.peers, peer.uid);
  }
  return absl::OkStatus();
}

absl::Status VmManager::ApplyPolicy(const Vm& vm, const std::stop_token& stop) {
  if (vm.network_mode != NetworkMode::kBridge || !ports_.vmm.Running(vm.uid).has_value())
    return absl::OkStatus();
  return ports_.network.SetPolicy(vm.uid, vm.policy, stop);
}

absl::StatusOr<VmView> VmManager::PublishPort(const std::string& reference, const PublishedPort& port,
                                              const std::stop_token& stop) {
  BANGER_RETURN_IF_ERROR(CheckPort(port));
  BANGER_ASSIGN_OR_RETURN(const Held held, Hold(reference, stop));
  BANGER_RETURN_IF_ERROR(ports_.store.AddPort(held.vm.uid, port));
  if (ports_.vmm.Running(held.vm.uid).has_value()) {
    const absl::Status opened = ports_.forwards.Open(held.vm.uid, port);
    if (!opened.ok()) return JoinErrors(opened, ports_.store.RemovePort(held.vm.uid, port));
  }
  return View(held.vm);
}

absl::StatusOr<VmView> VmManager::UnpublishPort(const std::string& reference, const PublishedPort& port,
                                                const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const Held held, Hold(reference, stop));
  BANGER_RETURN_IF_ERROR(ports_.store.RemovePort(held.vm.uid, port));
  ports_.forwards.Close(held.vm.uid, port);
  return View(held.vm);
}

}  // namespace banger::vmd
