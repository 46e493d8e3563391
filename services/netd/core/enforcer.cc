#include "services/netd/core/enforcer.h"

#include <algorithm>
#include <utility>

#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

// A guest may use an answer a little longer than the resolver that gave it.
constexpr std::chrono::seconds kGrace{30};

}  // namespace

absl::Status Enforcer::Enforce(const Endpoints& endpoints) {
  if (!knows_uplinks_) {
    BANGER_ASSIGN_OR_RETURN(uplinks_, router_.Uplinks());
    knows_uplinks_ = true;
  }
  const SteadyTime now = std::chrono::steady_clock::now();
  for (auto entry = opened_.begin(); entry != opened_.end();)
    entry = entry->second <= now ? opened_.erase(entry) : std::next(entry);
  const Rules rules = RulesFor(endpoints, uplinks_, opened_);
  // Rules come first: whatever is forwarded from then on is filtered.
  BANGER_RETURN_IF_ERROR(firewall_.Apply(rules));
  std::set<std::string> forwarding;
  if (rules.forwards) {
    forwarding = uplinks_;
    forwarding.insert(bridge_);
  }
  return SetForwarding(forwarding);
}

absl::StatusOr<bool> Enforcer::Refresh(const Endpoints& endpoints) {
  BANGER_ASSIGN_OR_RETURN(uplinks_, router_.Uplinks());
  knows_uplinks_ = true;
  BANGER_ASSIGN_OR_RETURN(const bool repaired, firewall_.Repair());
  BANGER_RETURN_IF_ERROR(Enforce(endpoints));
  return repaired;
}

absl::Status Enforcer::Remove() { return JoinErrors(SetForwarding({}), firewall_.Remove()); }

absl::Status Enforcer::SetForwarding(const std::set<std::string>& wanted) {
  for (const std::string& interface : wanted) {
    BANGER_ASSIGN_OR_RETURN(const bool forwards, router_.Forwards(interface));
    if (forwards) continue;
    if (forwarding_.count(interface) == 0) {
      std::set<std::string> next = forwarding_;
      next.insert(interface);
      BANGER_RETURN_IF_ERROR(save_(next));
      forwarding_ = std::move(next);
    }
    BANGER_RETURN_IF_ERROR(router_.SetForwarding(interface, true));
  }
  const std::set<std::string> ours = forwarding_;
  for (const std::string& interface : ours)
    if (wanted.count(interface) == 0) BANGER_RETURN_IF_ERROR(StopForwarding(interface));
  return absl::OkStatus();
}

absl::Status Enforcer::StopForwarding(const std::string& interface) {
  // Whoever has made the host a router since, Docker say, wants this one too.
  BANGER_ASSIGN_OR_RETURN(const bool everywhere, router_.ForwardsEverywhere());
  if (!everywhere) BANGER_RETURN_IF_ERROR(router_.SetForwarding(interface, false));
  std::set<std::string> next = forwarding_;
  next.erase(interface);
  BANGER_RETURN_IF_ERROR(save_(next));
  forwarding_ = std::move(next);
  return absl::OkStatus();
}

void Enforcer::Open(Ipv4 guest, const std::vector<Ipv4>& addresses, std::chrono::seconds ttl) {
  const SteadyTime until = std::chrono::steady_clock::now() + ttl + kGrace;
  for (const Ipv4 address : addresses) {
    SteadyTime& entry = opened_[{guest, address}];
    entry = std::max(entry, until);
  }
}

void Enforcer::Close(Ipv4 guest) {
  opened_.erase(opened_.lower_bound({guest, Ipv4()}), opened_.upper_bound({guest, Ipv4(0xffffffff)}));
}

}  // namespace banger::netd
