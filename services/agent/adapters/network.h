#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger::agent {

struct InterfaceSettings {
  std::string mac;
  std::string address;       // IPv4 CIDR
  std::string gateway;       // empty: no default route
  int mtu = 0;               // 0: as it is
  std::string ipv6_address;  // IPv6 CIDR; empty: IPv6 is left alone
  std::string ipv6_gateway;  // empty: no default route
  std::string previous_mac;  // what it may have instead of `mac`, until now; may be empty
};

// Brings the loopback interface up.
absl::Status BringUpLoopback();

// Sets addresses and default routes of the interface with that MAC, replacing what
// it had, and brings it up. One with the previous MAC gets the new one first. NOT_FOUND when there is none,
// INVALID_ARGUMENT when a value is none.
absl::Status ConfigureInterface(const InterfaceSettings& settings);

// The interface's name; waits up to 5 s for its driver.
absl::StatusOr<std::string> FindInterface(const std::string& mac);

}  // namespace banger::agent
