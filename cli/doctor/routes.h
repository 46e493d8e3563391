// The host's IPv4 routes, as /proc/net/route lists them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace banger::cli {

// Addresses in the host's byte order.
struct HostRoute {
  std::string interface;
  std::uint32_t destination = 0;
  std::uint32_t gateway = 0;  // 0: none
  std::uint32_t mask = 0;     // 0: a default route
};

std::vector<HostRoute> ParseRoutes(absl::string_view text);

// Also of each half of all addresses, as which VPNs have their default route. netd has the
// same rule.
inline bool IsDefault(const HostRoute& route) { return route.mask <= 0x80000000; }

// Of a prefix's length, 0 to 32.
inline std::uint32_t MaskOf(int prefix_length) {
  return prefix_length <= 0 ? 0 : ~std::uint32_t{0} << (32 - prefix_length);
}

}  // namespace banger::cli
