#include "services/netd/core/enforcer.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

constexpr std::ptrdiff_t kMaxOpened = 1024;  // for one guest

std::pair<OpenedAddresses::iterator, OpenedAddresses::iterator> RangeOf(OpenedAddresses& opened, Ipv4 guest) {
  return {opened.lower_bound({guest, IpAddress()}),
          opened.lower_bound({Ipv4(guest.bits() + 1), IpAddress()})};
}

}  // namespace

absl::Status Enforcer::FindUplinks() {
  for (const Family family : families_) {
    BANGER_ASSIGN_OR_RETURN(uplinks_[family], router_.Uplinks(family));
  }
  knows_uplinks_ = true;
  return absl::OkStatus();
}

absl::Status Enforcer::Enforce(const Endpoints& endpoints, const std::set<Ipv4>& spares) {
  if (!knows_uplinks_) BANGER_RETURN_IF_ERROR(FindUplinks());
  in_force_ = false;
  Rules rules = RulesFor(endpoints, spares, uplinks_, opened_);
  Interfaces wanted;
  for (const Family family : families_) {
    if (!rules.forwards || uplinks_[family].empty()) continue;
    wanted[family] = uplinks_[family];
    wanted[family].insert(bridge_);
  }
  // Under the rules that there are, which close the host to others as long as it
  // forwards because of us. Also of a family that guests had before a restart.
  absl::Status done;
  for (const Family family : {Family::kIpv4, Family::kIpv6})
    if (wanted[family].empty()) done = JoinErrors(done, SetForwarding(family, {}));
  if (!wanted.ipv6.empty() || !forwarding_.ipv6.empty()) {
    BANGER_ASSIGN_OR_RETURN(const bool everywhere, router_.ForwardsEverywhere(Family::kIpv6));
    if (!everywhere) rules.closed.insert(Family::kIpv6);
  }
  // Rules come first: whatever is forwarded from then on is filtered.
  if (const absl::Status applied = firewall_.Apply(std::move(rules)); !applied.ok())
    return JoinErrors(done, applied);
  for (const Family family : families_)
    if (!wanted[family].empty()) done = JoinErrors(done, SetForwarding(family, wanted[family]));
  in_force_ = done.ok();
  return done;
}

absl::StatusOr<bool> Enforcer::Refresh(const Endpoints& endpoints, const std::set<Ipv4>& spares) {
  BANGER_RETURN_IF_ERROR(FindUplinks());
  BANGER_ASSIGN_OR_RETURN(const bool repaired, firewall_.Repair());
  BANGER_RETURN_IF_ERROR(Enforce(endpoints, spares));
  return repaired;
}

absl::Status Enforcer::Remove() {
  const absl::Status stopped = JoinErrors(SetForwarding(Family::kIpv4, {}), SetForwarding(Family::kIpv6, {}));
  // Without the rules the host would be everybody's router.
  if (!forwarding_.ipv6.empty()) return stopped;
  return JoinErrors(stopped, firewall_.Remove());
}

absl::Status Enforcer::SetForwarding(Family family, const std::set<std::string>& wanted) {
  for (const std::string& interface : wanted) {
    BANGER_ASSIGN_OR_RETURN(const bool forwards, router_.Forwards(family, interface));
    // The bridge is ours, whatever a lost ledger knew.
    if (forwards && interface != bridge_) continue;
    if (forwarding_[family].count(interface) == 0) {
      Interfaces next = forwarding_;
      next[family].insert(interface);
      BANGER_RETURN_IF_ERROR(Record(std::move(next)));
    }
    if (!forwards) BANGER_RETURN_IF_ERROR(router_.SetForwarding(family, interface, true));
  }
  const std::set<std::string> ours = forwarding_[family];
  for (const std::string& interface : ours)
    if (wanted.count(interface) == 0) BANGER_RETURN_IF_ERROR(StopForwarding(family, interface));
  return absl::OkStatus();
}

absl::Status Enforcer::StopForwarding(Family family, const std::string& interface) {
  // Whoever has made the host a router since, Docker say, wants this one too; what
  // there is for IPv6 is ours alone.
  BANGER_ASSIGN_OR_RETURN(const bool everywhere, router_.ForwardsEverywhere(family));
  if (family == Family::kIpv6 || !everywhere)
    BANGER_RETURN_IF_ERROR(router_.SetForwarding(family, interface, false));
  Interfaces next = forwarding_;
  next[family].erase(interface);
  return Record(std::move(next));
}

absl::Status Enforcer::Record(Interfaces forwarding) {
  BANGER_RETURN_IF_ERROR(save_(forwarding));
  forwarding_ = std::move(forwarding);
  return absl::OkStatus();
}

bool Enforcer::Open(Ipv4 guest, const std::vector<IpAddress>& addresses, SteadyTime until) {
  bool changed = !in_force_;
  for (const IpAddress& address : addresses) {
    const auto [entry, is_new] = opened_.try_emplace({guest, address}, until);
    // The grace covers what is missing: not each answer has to change the rules.
    if (!is_new && entry->second >= until - kGrace / 2) continue;
    entry->second = until;
    changed = true;
  }
  const auto [begin, end] = RangeOf(opened_, guest);
  for (auto surplus = std::distance(begin, end) - kMaxOpened; surplus > 0; --surplus) {
    const auto [first, last] = RangeOf(opened_, guest);
    opened_.erase(
        std::min_element(first, last, [](const auto& a, const auto& b) { return a.second < b.second; }));
  }
  return changed;
}

bool Enforcer::Close(Ipv4 guest) {
  const auto [begin, end] = RangeOf(opened_, guest);
  const bool any = begin != end;
  opened_.erase(begin, end);
  return any;
}

}  // namespace banger::netd
