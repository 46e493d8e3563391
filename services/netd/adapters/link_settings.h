// The addresses and IPv6 options that netd gives its links.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/netd/adapters/netlink.h"
#include "services/netd/core/address.h"

namespace banger::netd {

// Before the interface is up, so that it never has an address. Fine on a kernel
// without IPv6.
absl::Status DisableIpv6(const std::string& interface);

// For a bridge that has only the addresses that we give it: none of its own, and
// nothing that guests advertise. NO_IPV6 when it can have none.
absl::Status EnableIpv6(const std::string& interface);

// Whether it is as EnableIpv6 leaves it, or as DisableIpv6 does.
absl::StatusOr<bool> HasIpv6Options(const std::string& interface, bool enabled);

// The gateway's of each family, and for IPv6 a link-local one, the same on every
// host, which neighbours are asked from.
std::vector<LinkAddress> BridgeAddresses(const Subnet& subnet);
// Those that are not `there`.
std::vector<LinkAddress> MissingBridgeAddresses(const Subnet& subnet, const std::vector<LinkAddress>& there);

bool IsLinkLocal(const IpAddress& address);  // of IPv6

}  // namespace banger::netd
