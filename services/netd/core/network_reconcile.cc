// How the network makes ledger and host agree: at its start, from time to time, and
// when the host's routes or rules have changed.
#include <utility>

#include "common/status/status_macros.h"
#include "services/netd/core/network.h"
#include "services/netd/core/reconcile.h"

namespace banger::netd {

absl::StatusOr<std::unique_ptr<Network>> Network::Start(const std::string& bridge, const Subnet& subnet,
                                                        const Host& host, Reconciliation* done) {
  std::unique_ptr<Network> network(new Network(bridge, subnet, host));
  const MutexLock lock(network->mutex_);
  BANGER_ASSIGN_OR_RETURN(Ledger::Contents loaded, host.ledger.Load());
  done->ledger = loaded.damage;
  network->records_ = std::move(loaded.records);
  absl::StatusOr<OpenedAddresses> opened = host.firewall.Opened();
  if (!opened.ok()) done->failures.push_back(opened.status());
  for (const auto& [id, endpoint] : network->records_.endpoints) {
    network->names_.Update(endpoint.address, endpoint.policy);
    if (!endpoint.tap.empty()) network->last_owner_ = endpoint.owner;
  }
  network->enforcer_.Restore(network->records_.forwarding,
                             opened.ok() ? *std::move(opened) : OpenedAddresses());
  BANGER_RETURN_IF_ERROR(network->ReconcileLocked(*done));
  network->NoteProblems(*done);
  return network;
}

Reconciliation Network::Reconcile() {
  const MutexLock lock(mutex_);
  Reconciliation done;
  if (const absl::Status reconciled = ReconcileLocked(done); !reconciled.ok())
    done.failures.push_back(reconciled);
  NoteProblems(done);
  return done;
}

void Network::NoteProblems(const Reconciliation& done) {
  problems_.clear();
  for (const absl::Status& failure : done.failures) problems_.emplace_back(failure.message());
}

absl::Status Network::ReconcileLocked(Reconciliation& done) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Tap> taps, host_.links.ListTaps());
  ReconciliationPlan plan = PlanReconciliation(subnet_, records_.endpoints, taps);
  for (const std::string& tap : plan.remove) {
    if (const auto spare = AddressOfTap(tap); spare.ok() && spares_.count(*spare) != 0) continue;
    const absl::Status removed = host_.links.RemoveTap(tap);
    if (removed.ok())
      done.removed.push_back(tap);
    else
      done.failures.push_back(removed);
  }
  for (const std::string& id : plan.detached)
    if (const auto row = records_.endpoints.find(id); row != records_.endpoints.end()) Withdraw(row->second);
  BANGER_RETURN_IF_ERROR(ReplaceRows(plan.endpoints));
  done.detached = std::move(plan.detached);
  done.adopted = plan.adopt;
  // Joins again what somebody took out of the bridge, or the bridge from.
  absl::Status repaired = plan.adopt.empty() ? absl::OkStatus() : host_.links.EnsureBridge();
  if (repaired.ok()) repaired = HasTaps() ? RefreshLocked().status() : Enforce();
  for (const auto& [id, endpoint] : records_.endpoints) {
    if (endpoint.tap.empty()) continue;
    if (repaired.ok()) repaired = EnsureTap(endpoint);
    Publish(endpoint);
  }
  if (!repaired.ok()) done.failures.push_back(repaired);
  if (!done.detached.empty()) taps_changed_();
  return absl::OkStatus();
}

absl::StatusOr<bool> Network::Refresh() {
  const MutexLock lock(mutex_);
  if (!HasTaps()) return false;
  return RefreshLocked();
}

absl::StatusOr<bool> Network::RefreshLocked() {
  BANGER_ASSIGN_OR_RETURN(const bool repaired, enforcer_.Refresh(records_.endpoints, spares_));
  if (repaired) {
    ++repairs_;
    last_repair_ = std::chrono::system_clock::now();
  }
  return repaired;
}

absl::Status Network::ReplaceRows(const Endpoints& next) {
  const Endpoints before = records_.endpoints;
  for (const auto& [id, endpoint] : before)
    if (next.count(id) == 0) BANGER_RETURN_IF_ERROR(Erase(endpoint));
  for (const auto& [id, endpoint] : next) BANGER_RETURN_IF_ERROR(Put(endpoint));
  return absl::OkStatus();
}

}  // namespace banger::netd
