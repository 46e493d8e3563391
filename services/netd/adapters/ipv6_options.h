// The options of an interface in /proc/sys/net/ipv6/conf that netd changes;
// docs/privileges.md says what for. "default" is what interfaces to come get.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger::netd {

inline constexpr char kIpv6AcceptDad[] = "accept_dad";
inline constexpr char kIpv6AcceptRa[] = "accept_ra";
inline constexpr char kIpv6AcceptRedirects[] = "accept_redirects";
inline constexpr char kIpv6AddrGenMode[] = "addr_gen_mode";
inline constexpr char kIpv6Autoconf[] = "autoconf";
inline constexpr char kIpv6Disable[] = "disable_ipv6";
inline constexpr char kIpv6Forwarding[] = "forwarding";

// False when there is no such interface, or no IPv6.
absl::StatusOr<bool> Ipv6OptionIs(const std::string& interface, const char* option, char value);

// NOT_FOUND in these cases.
absl::Status SetIpv6Option(const std::string& interface, const char* option, char value);

}  // namespace banger::netd
