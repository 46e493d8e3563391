#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/netd/adapters/netlink.h"

namespace banger::netd {

// Of the interfaces of the host's default routes the one that takes the least: a
// guest's larger packets would vanish where nobody tells it so.
struct WayOut {
  std::string interface;  // empty when none takes less than Ethernet
  int mtu;
};
absl::StatusOr<WayOut> FindWayOut(Netlink& netlink, const std::vector<Family>& families);

}  // namespace banger::netd
