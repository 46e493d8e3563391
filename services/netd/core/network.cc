#include "services/netd/core/network.h"

#include <algorithm>
#include <utility>

#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/errors.h"

namespace banger::netd {
namespace {

bool MaySee(uid_t caller, const Endpoint& endpoint) {
  return caller == Network::kRoot || caller == endpoint.owner;
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
  if (made.ok()) made = EnsureTap(endpoint);
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

absl::Status Network::EnsureTap(const Endpoint& endpoint) {
  return host_.links.EnsureTap({.name = endpoint.tap, .endpoint_id = endpoint.id, .owner = endpoint.owner});
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

}  // namespace banger::netd
