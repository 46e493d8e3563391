#include "services/netd/adapters/way_out.h"

#include "common/status/status_macros.h"

namespace banger::netd {

absl::StatusOr<WayOut> FindWayOut(Netlink& netlink, const std::vector<Family>& families) {
  constexpr int kEthernetMtu = 1500;
  BANGER_ASSIGN_OR_RETURN(const std::vector<Link> links, netlink.Links());
  WayOut way{.interface = "", .mtu = kEthernetMtu};
  for (const Family family : families) {
    BANGER_ASSIGN_OR_RETURN(const std::vector<Route> routes, netlink.Routes(family));
    for (const Route& route : routes)
      for (const Link& link : links)
        if (route.network.length() == 0 && route.link == link.index && link.mtu < way.mtu)
          way = {.interface = link.name, .mtu = link.mtu};
  }
  return way;
}

}  // namespace banger::netd
