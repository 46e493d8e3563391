#include "services/netd/adapters/subnet_choice.h"

#include <algorithm>
#include <vector>

#include "common/log/log.h"
#include "common/status/status_macros.h"

namespace banger::netd {
namespace {

constexpr const char* kCandidates[] = {"172.30.0.1",    "172.31.0.1",   "172.29.0.1", "172.28.0.1",
                                       "10.213.0.1",    "10.214.0.1",   "10.215.0.1", "10.216.0.1",
                                       "192.168.213.1", "192.168.214.1"};

std::string NameOf(const std::vector<Link>& links, int index) {
  const auto link =
      std::find_if(links.begin(), links.end(), [index](const Link& l) { return l.index == index; });
  return link == links.end() ? "?" : link->name;
}

// Empty when the bridge is not ours, or nobody's.
absl::StatusOr<std::optional<Subnet>> SubnetInUseBy(Netlink& netlink, const std::string& name,
                                                    const std::string& mark) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Link> links, netlink.Links());
  const auto bridge = std::find_if(links.begin(), links.end(), [&](const Link& link) {
    return link.name == name && link.kind == "bridge" && link.alias == mark;
  });
  const bool has_ports =
      bridge != links.end() &&
      std::any_of(links.begin(), links.end(), [&](const Link& link) { return link.master == bridge->index; });
  if (!has_ports) return std::optional<Subnet>();
  BANGER_ASSIGN_OR_RETURN(const std::vector<LinkAddress> addresses, netlink.Addresses());
  for (const LinkAddress& address : addresses) {
    if (address.link != bridge->index || address.address.family() != Family::kIpv4) continue;
    const absl::StatusOr<Subnet> subnet = Subnet::Create(address.address.low_bits(), address.prefix_length);
    if (subnet.ok()) return std::optional<Subnet>(*subnet);
  }
  return std::optional<Subnet>();
}

}  // namespace

absl::StatusOr<std::optional<SubnetConflict>> FindConflict(Netlink& netlink, const Subnet& subnet,
                                                           const std::string& bridge) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Link> links, netlink.Links());
  for (const Family family : subnet.families()) {
    BANGER_ASSIGN_OR_RETURN(const std::vector<Route> routes, netlink.Routes(family));
    for (const Route& route : routes) {
      if (route.IsDefault() || !subnet.Overlaps(route.network)) continue;
      const std::string interface = NameOf(links, route.link);
      if (interface != bridge) return SubnetConflict{route.network, interface};
    }
  }
  // Tunnels have addresses without a network.
  BANGER_ASSIGN_OR_RETURN(const std::vector<LinkAddress> addresses, netlink.Addresses());
  for (const LinkAddress& address : addresses) {
    const std::string interface = NameOf(links, address.link);
    const Prefix alone = Prefix::Of(address.address, AddressLength(address.address.family()));
    if (subnet.Overlaps(alone) && interface != bridge) return SubnetConflict{alone, interface};
  }
  return std::optional<SubnetConflict>();
}

absl::StatusOr<Subnet> ChooseSubnet(Netlink& netlink, const std::string& bridge, const std::string& mark,
                                    int prefix_length) {
  BANGER_ASSIGN_OR_RETURN(const std::optional<Subnet> used, SubnetInUseBy(netlink, bridge, mark));
  if (used.has_value()) return *used;
  for (const char* candidate : kCandidates) {
    BANGER_ASSIGN_OR_RETURN(const Subnet subnet, Subnet::Create(*Ipv4::Parse(candidate), prefix_length));
    BANGER_ASSIGN_OR_RETURN(const std::optional<SubnetConflict> conflict,
                            FindConflict(netlink, subnet, bridge));
    if (!conflict.has_value()) return subnet;
    log::Warn("subnet passed over, as the host reaches it elsewhere", {{"subnet", subnet.ToString()},
                                                                       {"route", conflict->route.ToString()},
                                                                       {"interface", conflict->interface}});
  }
  return Subnet::Create(*Ipv4::Parse(kCandidates[0]), prefix_length);
}

}  // namespace banger::netd
