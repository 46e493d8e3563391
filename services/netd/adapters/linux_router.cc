#include "services/netd/adapters/linux_router.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/os/sysctl.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

// Whether packets that come in by the interface are forwarded.
std::string ForwardingFile(Family family, const std::string& interface) {
  if (family == Family::kIpv4) return absl::StrCat("/proc/sys/net/ipv4/conf/", interface, "/forwarding");
  return absl::StrCat("/proc/sys/net/ipv6/conf/", interface, "/force_forwarding");
}

}  // namespace

bool LinuxRouter::CanForwardIpv6ByInterface() {
  return std::filesystem::exists(ForwardingFile(Family::kIpv6, "all"));
}

absl::StatusOr<std::unique_ptr<LinuxRouter>> LinuxRouter::Create(Options options) {
  BANGER_ASSIGN_OR_RETURN(std::unique_ptr<Netlink> netlink, Netlink::Connect());
  return std::unique_ptr<LinuxRouter>(new LinuxRouter(std::move(options), std::move(netlink)));
}

// A host may have several: in tables of their own (policy routing, as VPNs use
// it), in halves, by several next hops. Of those in the main table only the best
// is used.
absl::StatusOr<std::set<std::string>> LinuxRouter::Uplinks(Family family) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Route> routes, netlink_->Routes(family));
  std::uint32_t best = std::numeric_limits<std::uint32_t>::max();
  for (const Route& route : routes)
    if (route.network.length() == 0 && route.is_main) best = std::min(best, route.metric);
  std::set<int> used;
  for (const Route& route : routes) {
    const bool is_worse = route.network.length() == 0 && route.is_main && route.metric != best;
    if (route.IsDefault() && !is_worse) used.insert(route.link);
  }
  used.erase(0);  // routes without an interface
  std::set<std::string> uplinks;
  for (const int index : used) {
    const absl::StatusOr<Link> link = netlink_->FindLink(index);
    if (absl::IsNotFound(link.status())) continue;  // it has just gone, and its route
    if (!link.ok()) return link.status();
    uplinks.insert(link->name);
  }
  return uplinks;
}

absl::StatusOr<bool> LinuxRouter::Forwards(Family family, const std::string& interface) {
  if (HasOneSwitch(family)) {
    if (interface != options_.bridge) return true;  // nothing to be done for it
    BANGER_ASSIGN_OR_RETURN(const Ipv6Switch::State state, ipv6_switch_.Look());
    return state != Ipv6Switch::State::kOff;
  }
  BANGER_ASSIGN_OR_RETURN(const bool itself, SysctlIs(ForwardingFile(family, interface), '1'));
  if (itself || family == Family::kIpv4) return itself;
  return ForwardsEverywhere(family);
}

absl::StatusOr<bool> LinuxRouter::ForwardsEverywhere(Family family) {
  if (family == Family::kIpv4) return SysctlIs(ForwardingFile(family, "all"), '1');
  BANGER_ASSIGN_OR_RETURN(const Ipv6Switch::State state, ipv6_switch_.Look());
  return state == Ipv6Switch::State::kOthers;
}

absl::Status LinuxRouter::SetForwarding(Family family, const std::string& interface, bool on) {
  if (HasOneSwitch(family)) {
    if (interface != options_.bridge) return absl::OkStatus();
    return on ? ipv6_switch_.TurnOn() : ipv6_switch_.TurnOff();
  }
  const absl::Status set = SetSysctl(ForwardingFile(family, interface), on ? '1' : '0');
  return absl::IsNotFound(set) ? absl::OkStatus() : set;  // it has just gone
}

}  // namespace banger::netd
