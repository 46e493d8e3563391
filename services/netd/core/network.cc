#include "services/netd/core/network.h"

#include <algorithm>
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

Network::Network(const std::string& bridge, const Subnet& subnet, const Host& host)
    : subnet_(subnet),
      host_(host),
      // Called by the enforcer, and so with the mutex held.
      enforcer_(bridge, subnet.families(), host.firewall, host.router,
                [this](const Interfaces& forwarding) ABSL_NO_THREAD_SAFETY_ANALYSIS {
                  BANGER_RETURN_IF_ERROR(host_.ledger.SaveForwarding(forwarding));
                  records_.forwarding = forwarding;
                  return absl::OkStatus();
                }) {}

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
    if (repaired.ok()) repaired = host_.links.EnsureTap(TapOf(endpoint));
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

absl::StatusOr<Health> Network::Inspect() {
  const MutexLock lock(mutex_);
  Health health{.repairs = repairs_, .last_repair = last_repair_, .problems = problems_};
  BANGER_ASSIGN_OR_RETURN(health.bridge_up, host_.links.BridgeIsUp());
  for (const Family family : subnet_.families()) {
    BANGER_ASSIGN_OR_RETURN(health.uplinks[family], host_.router.Uplinks(family));
    BANGER_ASSIGN_OR_RETURN(health.forwards_everywhere[family], host_.router.ForwardsEverywhere(family));
  }
  if (!HasTaps()) return health;
  BANGER_ASSIGN_OR_RETURN(const bool in_place, host_.firewall.IsInPlace());
  health.rules = in_place ? Health::Rules::kInPlace : Health::Rules::kChanged;
  return health;
}

absl::StatusOr<int> Network::Mtu() {
  const MutexLock lock(mutex_);
  return host_.links.BridgeMtu();
}

absl::StatusOr<Endpoint> Network::Create(uid_t caller, const std::string& id, const std::string& hostname) {
  BANGER_RETURN_IF_ERROR(CheckEndpointId(id));
  BANGER_RETURN_IF_ERROR(CheckHostname(hostname));
  const MutexLock lock(mutex_);
  if (const auto found = records_.endpoints.find(id); found != records_.endpoints.end()) {
    if (!MaySee(caller, found->second)) return EndpointOfAnotherUser(absl::StatusCode::kAlreadyExists, id);
    return Rename(found->second, hostname);
  }
  BANGER_ASSIGN_OR_RETURN(const Ipv4 address, NextAddress());
  const Endpoint endpoint{.id = id, .address = address, .owner = caller, .hostname = hostname};
  BANGER_RETURN_IF_ERROR(Put(endpoint));
  return endpoint;
}

absl::StatusOr<Endpoint> Network::Rename(Endpoint endpoint, const std::string& hostname) {
  if (endpoint.hostname == hostname) return endpoint;
  const Endpoint before = endpoint;
  endpoint.hostname = hostname;
  if (!endpoint.tap.empty()) BANGER_RETURN_IF_ERROR(ClaimHostname(endpoint));
  BANGER_RETURN_IF_ERROR(Put(endpoint));
  if (endpoint.tap.empty()) return endpoint;
  Withdraw(before);
  Publish(endpoint);
  return endpoint;
}

std::vector<Endpoint> Network::List(uid_t caller) const {
  const MutexLock lock(mutex_);
  std::vector<Endpoint> visible;
  for (const auto& [id, endpoint] : records_.endpoints)
    if (MaySee(caller, endpoint)) visible.push_back(endpoint);
  return visible;
}

absl::StatusOr<Endpoint> Network::Attach(uid_t caller, const std::string& id) {
  const MutexLock lock(mutex_);
  BANGER_ASSIGN_OR_RETURN(Endpoint endpoint, Find(caller, id));
  BANGER_RETURN_IF_ERROR(ClaimHostname(endpoint));
  BANGER_RETURN_IF_ERROR(host_.links.CheckTapName(TapName(endpoint.address)));
  BANGER_RETURN_IF_ERROR(host_.links.EnsureBridge());
  const bool is_new = endpoint.tap.empty();
  if (is_new) {
    endpoint.tap = TapName(endpoint.address);
    BANGER_RETURN_IF_ERROR(Put(endpoint));
    spares_.erase(endpoint.address);
    last_owner_ = endpoint.owner;
    taps_changed_();
  }
  absl::Status made = Enforce();
  if (made.ok()) made = host_.links.EnsureTap(TapOf(endpoint));
  if (made.ok()) {
    Publish(endpoint);
    return endpoint;
  }
  if (!is_new) return made;
  // EnsureTap leaves nothing behind when it fails: only the row goes back. Where
  // that fails too, a row too many is what the next Attach, Detach or start
  // finds and puts right.
  endpoint.tap.clear();
  made = JoinErrors(made, Put(endpoint));
  return JoinErrors(made, Enforce());
}

absl::StatusOr<Endpoint> Network::SetPolicy(uid_t caller, const std::string& id, Policy policy) {
  BANGER_ASSIGN_OR_RETURN(policy, NormalPolicy(std::move(policy)));
  const MutexLock lock(mutex_);
  BANGER_ASSIGN_OR_RETURN(Endpoint endpoint, Find(caller, id));
  const Policy before = std::exchange(endpoint.policy, std::move(policy));
  // First, as a netd that starts takes up what it finds open.
  if (before.egress != endpoint.policy.egress && enforcer_.Close(endpoint.address))
    BANGER_RETURN_IF_ERROR(Enforce());
  BANGER_RETURN_IF_ERROR(Put(endpoint));
  // Also when nothing differs: what failed the last time may work now.
  BANGER_RETURN_IF_ERROR(Enforce());
  return endpoint;
}

absl::Status Network::Detach(uid_t caller, const std::string& id) {
  BANGER_RETURN_IF_ERROR(CheckEndpointId(id));
  const MutexLock lock(mutex_);
  absl::StatusOr<Endpoint> endpoint = Find(caller, id);
  if (absl::IsNotFound(endpoint.status())) return absl::OkStatus();
  if (!endpoint.ok()) return endpoint.status();
  if (endpoint->tap.empty()) return absl::OkStatus();
  Withdraw(*endpoint);
  BANGER_RETURN_IF_ERROR(host_.links.RemoveTap(endpoint->tap));
  endpoint->tap.clear();
  enforcer_.Close(endpoint->address);
  BANGER_RETURN_IF_ERROR(Put(*endpoint));
  taps_changed_();
  return Enforce();
}

absl::Status Network::Delete(uid_t caller, const std::string& id) {
  BANGER_RETURN_IF_ERROR(CheckEndpointId(id));
  const MutexLock lock(mutex_);
  const absl::StatusOr<Endpoint> endpoint = Find(caller, id);
  if (absl::IsNotFound(endpoint.status())) return absl::OkStatus();
  if (!endpoint.ok()) return endpoint.status();
  Withdraw(*endpoint);
  if (!endpoint->tap.empty()) BANGER_RETURN_IF_ERROR(host_.links.RemoveTap(endpoint->tap));
  enforcer_.Close(endpoint->address);
  BANGER_RETURN_IF_ERROR(Erase(*endpoint));
  taps_changed_();
  return endpoint->tap.empty() ? absl::OkStatus() : Enforce();
}

absl::Status Network::WithTap(uid_t caller, const std::string& id,
                              const std::function<absl::Status(const std::string& tap)>& use) {
  const MutexLock lock(mutex_);
  BANGER_ASSIGN_OR_RETURN(const Endpoint endpoint, Find(caller, id));
  if (endpoint.tap.empty()) return TapNotAttached(id);
  return use(endpoint.tap);
}

absl::StatusOr<std::vector<bool>> Network::LetThrough(const std::vector<NameAnswer>& answers) {
  const MutexLock lock(mutex_);
  std::vector<bool> may_be_sent;
  bool changed = false;
  for (const NameAnswer& answer : answers) {
    std::vector<IpAddress> usable;  // of a family that guests have
    for (const IpAddress& address : answer.addresses)
      if (subnet_.has_ipv6() || address.family() == Family::kIpv4) usable.push_back(address);
    const bool leads_outside = std::all_of(usable.begin(), usable.end(), [this](const IpAddress& address) {
      return MayBeNamed(address, subnet_);
    });
    const bool is_listed = names_.Of(answer.guest, answer.name) == NamePermission::kListed;
    may_be_sent.push_back(is_listed && leads_outside);
    if (!may_be_sent.back()) continue;
    const SteadyTime until = std::chrono::steady_clock::now() + answer.ttl + Enforcer::kGrace;
    names_.AllowAliases(answer.guest, answer.aliases, until);
    changed = enforcer_.Open(answer.guest, usable, until) || changed;
  }
  if (changed) BANGER_RETURN_IF_ERROR(Enforce());
  return may_be_sent;
}

Interfaces Network::Uplinks() const {
  const MutexLock lock(mutex_);
  return enforcer_.uplinks();
}

Interfaces Network::Forwarding() const {
  const MutexLock lock(mutex_);
  return enforcer_.forwarding();
}

absl::Status Network::Stop() {
  const MutexLock lock(mutex_);
  const absl::Status removed = RemoveSpares();
  if (HasTaps()) return JoinErrors(removed, Enforce());
  return JoinErrors(enforcer_.Remove(), host_.links.RemoveBridge());
}

absl::Status Network::Enforce() {
  return HasTaps() ? enforcer_.Enforce(records_.endpoints, spares_) : enforcer_.Remove();
}

absl::StatusOr<Endpoint> Network::Find(uid_t caller, const std::string& id) const {
  BANGER_RETURN_IF_ERROR(CheckEndpointId(id));
  const auto found = records_.endpoints.find(id);
  if (found == records_.endpoints.end()) return EndpointNotFound(id);
  if (!MaySee(caller, found->second)) return EndpointOfAnotherUser(absl::StatusCode::kPermissionDenied, id);
  return found->second;
}

absl::Status Network::ClaimHostname(const Endpoint& endpoint) {
  if (endpoint.hostname.empty()) return absl::OkStatus();
  for (const auto& [id, other] : records_.endpoints) {
    if (id == endpoint.id || other.tap.empty() || other.hostname != endpoint.hostname) continue;
    if (other.owner != endpoint.owner) return HostnameInUse(endpoint.hostname);
    Endpoint nameless = other;
    nameless.hostname.clear();
    Withdraw(other);
    return Put(nameless);
  }
  return absl::OkStatus();
}

void Network::Publish(const Endpoint& endpoint) {
  if (!endpoint.hostname.empty()) host_.names.Publish(endpoint.hostname, endpoint.address);
}

void Network::Withdraw(const Endpoint& endpoint) {
  if (!endpoint.hostname.empty()) host_.names.Withdraw(endpoint.hostname, endpoint.address);
}

absl::Status Network::Put(const Endpoint& endpoint) {
  const auto before = records_.endpoints.find(endpoint.id);
  if (before != records_.endpoints.end() && before->second == endpoint) return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(host_.ledger.Save(endpoint));
  if (before != records_.endpoints.end() && before->second.address != endpoint.address)
    names_.Remove(before->second.address);
  records_.endpoints.insert_or_assign(endpoint.id, endpoint);
  names_.Update(endpoint.address, endpoint.policy);
  return absl::OkStatus();
}

absl::Status Network::Erase(const Endpoint& endpoint) {
  BANGER_RETURN_IF_ERROR(host_.ledger.Remove(endpoint.id));
  names_.Remove(endpoint.address);
  records_.endpoints.erase(endpoint.id);
  return absl::OkStatus();
}

absl::Status Network::ReplaceRows(const Endpoints& next) {
  const Endpoints before = records_.endpoints;
  for (const auto& [id, endpoint] : before)
    if (next.count(id) == 0) BANGER_RETURN_IF_ERROR(Erase(endpoint));
  for (const auto& [id, endpoint] : next) BANGER_RETURN_IF_ERROR(Put(endpoint));
  return absl::OkStatus();
}

}  // namespace banger::netd
