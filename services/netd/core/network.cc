#include "services/netd/core/network.h"

#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/core/reconcile.h"
#include "services/netd/errors.h"

namespace banger::netd {
namespace {

bool MaySee(uid_t caller, const Endpoint& endpoint) {
  return caller == Network::kRoot || caller == endpoint.owner;
}

Tap TapOf(const Endpoint& endpoint) {
  return {.name = endpoint.tap, .endpoint_id = endpoint.id, .owner = endpoint.owner};
}

}  // namespace

absl::StatusOr<std::unique_ptr<Network>> Network::Start(const Subnet& subnet, LinkHost& host, Ledger& ledger,
                                                        Reconciliation* done) {
  std::unique_ptr<Network> network(new Network(subnet, host, ledger));
  const MutexLock lock(network->mutex_);
  absl::StatusOr<Endpoints> loaded = ledger.Load();
  if (!loaded.ok() && !absl::IsDataLoss(loaded.status())) return loaded.status();
  done->ledger = loaded.status();
  network->endpoints_ = loaded.ok() ? *std::move(loaded) : Endpoints();
  BANGER_RETURN_IF_ERROR(network->Reconcile(*done));
  return network;
}

absl::Status Network::Reconcile(Reconciliation& done) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Tap> taps, host_.ListTaps());
  ReconciliationPlan plan = PlanReconciliation(subnet_, endpoints_, taps);
  for (const std::string& tap : plan.remove) {
    const absl::Status removed = host_.RemoveTap(tap);
    if (removed.ok())
      done.removed.push_back(tap);
    else
      done.failures.push_back(removed);
  }
  BANGER_RETURN_IF_ERROR(Commit(std::move(plan.endpoints)));
  done.detached = std::move(plan.detached);
  done.adopted = plan.adopt;
  // Joins again what somebody took out of the bridge, or the bridge from.
  absl::Status repaired = plan.adopt.empty() ? absl::OkStatus() : host_.EnsureBridge();
  for (const auto& [id, endpoint] : endpoints_)
    if (repaired.ok() && !endpoint.tap.empty()) repaired = host_.EnsureTap(TapOf(endpoint));
  if (!repaired.ok()) done.failures.push_back(repaired);
  return absl::OkStatus();
}

absl::StatusOr<int> Network::Mtu() {
  const MutexLock lock(mutex_);
  return host_.BridgeMtu();
}

absl::StatusOr<Endpoint> Network::Create(uid_t caller, const std::string& id) {
  BANGER_RETURN_IF_ERROR(CheckEndpointId(id));
  const MutexLock lock(mutex_);
  if (const auto found = endpoints_.find(id); found != endpoints_.end()) {
    if (!MaySee(caller, found->second)) return EndpointOfAnotherUser(absl::StatusCode::kAlreadyExists, id);
    return found->second;
  }
  BANGER_ASSIGN_OR_RETURN(const Ipv4 address, LowestFreeAddress());
  const Endpoint endpoint{.id = id, .address = address, .owner = caller};
  BANGER_RETURN_IF_ERROR(Put(endpoint));
  return endpoint;
}

std::vector<Endpoint> Network::List(uid_t caller) const {
  const MutexLock lock(mutex_);
  std::vector<Endpoint> visible;
  for (const auto& [id, endpoint] : endpoints_)
    if (MaySee(caller, endpoint)) visible.push_back(endpoint);
  return visible;
}

absl::StatusOr<Endpoint> Network::Attach(uid_t caller, const std::string& id) {
  const MutexLock lock(mutex_);
  BANGER_ASSIGN_OR_RETURN(Endpoint endpoint, Find(caller, id));
  BANGER_RETURN_IF_ERROR(host_.EnsureBridge());
  const bool is_new = endpoint.tap.empty();
  if (is_new) {
    endpoint.tap = TapName(endpoint.address);
    BANGER_RETURN_IF_ERROR(Put(endpoint));
  }
  const absl::Status made = host_.EnsureTap(TapOf(endpoint));
  if (made.ok()) return endpoint;
  if (!is_new) return made;
  // EnsureTap leaves nothing behind when it fails: only the row goes back. Where
  // that fails too, a row too many is what the next Attach, Detach or start
  // finds and puts right.
  endpoint.tap.clear();
  return JoinErrors(made, Put(endpoint));
}

absl::Status Network::Detach(uid_t caller, const std::string& id) {
  BANGER_RETURN_IF_ERROR(CheckEndpointId(id));
  const MutexLock lock(mutex_);
  absl::StatusOr<Endpoint> endpoint = Find(caller, id);
  if (absl::IsNotFound(endpoint.status())) return absl::OkStatus();
  if (!endpoint.ok()) return endpoint.status();
  if (endpoint->tap.empty()) return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(host_.RemoveTap(endpoint->tap));
  endpoint->tap.clear();
  return Put(*endpoint);
}

absl::Status Network::Delete(uid_t caller, const std::string& id) {
  BANGER_RETURN_IF_ERROR(CheckEndpointId(id));
  const MutexLock lock(mutex_);
  const absl::StatusOr<Endpoint> endpoint = Find(caller, id);
  if (absl::IsNotFound(endpoint.status())) return absl::OkStatus();
  if (!endpoint.ok()) return endpoint.status();
  if (!endpoint->tap.empty()) BANGER_RETURN_IF_ERROR(host_.RemoveTap(endpoint->tap));
  Endpoints next = endpoints_;
  next.erase(id);
  return Commit(std::move(next));
}

absl::Status Network::WithTap(uid_t caller, const std::string& id,
                              const std::function<absl::Status(const std::string& tap)>& use) {
  const MutexLock lock(mutex_);
  BANGER_ASSIGN_OR_RETURN(const Endpoint endpoint, Find(caller, id));
  if (endpoint.tap.empty()) return TapNotAttached(id);
  return use(endpoint.tap);
}

absl::Status Network::Stop() {
  const MutexLock lock(mutex_);
  for (const auto& [id, endpoint] : endpoints_)
    if (!endpoint.tap.empty()) return absl::OkStatus();
  return host_.RemoveBridge();
}

absl::StatusOr<Endpoint> Network::Find(uid_t caller, const std::string& id) const {
  BANGER_RETURN_IF_ERROR(CheckEndpointId(id));
  const auto found = endpoints_.find(id);
  if (found == endpoints_.end()) return EndpointNotFound(id);
  if (!MaySee(caller, found->second)) return EndpointOfAnotherUser(absl::StatusCode::kPermissionDenied, id);
  return found->second;
}

absl::StatusOr<Ipv4> Network::LowestFreeAddress() const {
  std::set<Ipv4> taken;
  for (const auto& [id, endpoint] : endpoints_) taken.insert(endpoint.address);
  for (Ipv4 address(subnet_.network().bits() + 1); address < subnet_.broadcast();
       address = Ipv4(address.bits() + 1)) {
    if (subnet_.IsGuestAddress(address) && taken.count(address) == 0) return address;
  }
  return NoAddressLeft(subnet_.ToString(), endpoints_.size());
}

absl::Status Network::Put(const Endpoint& endpoint) {
  Endpoints next = endpoints_;
  next[endpoint.id] = endpoint;
  return Commit(std::move(next));
}

absl::Status Network::Commit(Endpoints next) {
  if (next == endpoints_) return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(ledger_.Save(next));
  endpoints_ = std::move(next);
  return absl::OkStatus();
}

}  // namespace banger::netd
