// Which subnet the bridge gets where the configuration names none.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "services/netd/adapters/netlink.h"

namespace banger::netd {

// What the host reaches elsewhere: "10.0.0.0/8" dev "tun0".
struct SubnetConflict {
  Prefix route;
  std::string interface;
};

// A route or an address of an interface other than the bridge that shares
// addresses with the subnet; default routes do not count.
absl::StatusOr<std::optional<SubnetConflict>> FindConflict(Netlink& netlink, const Subnet& subnet,
                                                           const std::string& bridge);

// The subnet that the bridge (known by its mark) has while it has ports; else the
// first of the candidates without a conflict, in an order that is always the
// same: 172.30, 172.31, 172.29, 172.28, 10.213 to 10.216, 192.168.213 and
// 192.168.214. When all have one, the first.
absl::StatusOr<Subnet> ChooseSubnet(Netlink& netlink, const std::string& bridge, const std::string& mark,
                                    int prefix_length);

}  // namespace banger::netd
