#pragma once

#include <string>

#include "absl/status/status.h"

namespace banger::agent {

// Before the interface is brought up: its addresses are what its MAC and we say,
// usable at once, whatever others advertise. FAILED_PRECONDITION when the kernel
// has no IPv6.
absl::Status PrepareIpv6(const std::string& interface);

// Sets the address ("fd12:3456:789a::ac1e:2/64") and the default route by
// `gateway` (empty: none) of an interface that is up, replacing what it had but
// for its link-local address. INVALID_ARGUMENT when a value is none.
absl::Status ConfigureIpv6(const std::string& interface, const std::string& cidr, const std::string& gateway);

}  // namespace banger::agent
