#include "services/netd/core/enforcer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

constexpr std::ptrdiff_t kMaxOpened = 1024;  // for one guest

}  // namespace

absl::Status Enforcer::Enforce(const Endpoints& endpoints, const std::set<Ipv4>& spares) {
  if (!knows_uplinks_) {
    BANGER_ASSIGN_OR_RETURN(uplinks_, router_.Uplinks());
    knows_uplinks_ = true;
  }
  in_force_ = false;
  Rules rules = RulesFor(endpoints, spares, uplinks_, opened_);
  const bool forwards = rules.forwards;
  // Rules come first: whatever is forwarded from then on is filtered.
  BANGER_RETURN_IF_ERROR(firewall_.Apply(std::move(rules)));
  std::set<std::string> forwarding;
  if (forwards) {
    forwarding = uplinks_;
    forwarding.insert(bridge_);
  }
  BANGER_RETURN_IF_ERROR(SetForwarding(forwarding));
  in_force_ = true;
  return absl::OkStatus();
}

absl::StatusOr<bool> Enforcer::Refresh(const Endpoints& endpoints, const std::set<Ipv4>& spares) {
  BANGER_ASSIGN_OR_RETURN(uplinks_, router_.Uplinks());
  knows_uplinks_ = true;
  BANGER_ASSIGN_OR_RETURN(const bool repaired, firewall_.Repair());
  BANGER_RETURN_IF_ERROR(Enforce(endpoints, spares));
  return repaired;
}

absl::Status Enforcer::Remove() { return JoinErrors(SetForwarding({}), firewall_.Remove()); }

absl::Status Enforcer::SetForwarding(const std::set<std::string>& wanted) {
  for (const std::string& interface : wanted) {
    BANGER_ASSIGN_OR_RETURN(const bool forwards, router_.Forwards(interface));
    // The bridge is ours, whatever a lost ledger knew.
    if (forwards && interface != bridge_) continue;
    if (forwarding_.count(interface) == 0) {
      std::set<std::string> next = forwarding_;
      next.insert(interface);
      BANGER_RETURN_IF_ERROR(save_(next));
      forwarding_ = std::move(next);
    }
    if (!forwards) BANGER_RETURN_IF_ERROR(router_.SetForwarding(interface, true));
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

bool Enforcer::Open(Ipv4 guest, const std::vector<Ipv4>& addresses, SteadyTime until) {
  bool changed = !in_force_;
  for (const Ipv4 address : addresses) {
    const auto [entry, is_new] = opened_.try_emplace({guest, address}, until);
    // The grace covers what is missing: not each answer has to change the rules.
    if (!is_new && entry->second >= until - kGrace / 2) continue;
    entry->second = until;
    changed = true;
  }
  const auto begin = opened_.lower_bound({guest, Ipv4()});
  for (auto surplus = std::distance(begin, opened_.upper_bound({guest, Ipv4(0xffffffff)})) - kMaxOpened;
       surplus > 0; --surplus)
    opened_.erase(std::min_element(opened_.lower_bound({guest, Ipv4()}),
                                   opened_.upper_bound({guest, Ipv4(0xffffffff)}),
                                   [](const auto& a, const auto& b) { return a.second < b.second; }));
  return changed;
}

bool Enforcer::Close(Ipv4 guest) {
  const auto begin = opened_.lower_bound({guest, Ipv4()});
  const auto end = opened_.upper_bound({guest, Ipv4(0xffffffff)});
  const bool any = begin != end;
  opened_.erase(begin, end);
  return any;
}

}  // namespace banger::netd
