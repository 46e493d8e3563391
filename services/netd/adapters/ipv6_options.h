// The options of an interface in /proc/sys/net/ipv6/conf that netd changes;
// docs/privileges.md says what for. "default" is what interfaces to come get.
#pragma once

#include <string>

#include "absl/strings/str_cat.h"

namespace banger::netd {

inline constexpr char kIpv6AcceptDad[] = "accept_dad";
inline constexpr char kIpv6AcceptRa[] = "accept_ra";
inline constexpr char kIpv6AcceptRedirects[] = "accept_redirects";
inline constexpr char kIpv6AddrGenMode[] = "addr_gen_mode";
inline constexpr char kIpv6Autoconf[] = "autoconf";
inline constexpr char kIpv6Disable[] = "disable_ipv6";
inline constexpr char kIpv6Forwarding[] = "forwarding";

// Its file. None is there where there is no such interface, or no IPv6.
inline std::string Ipv6Option(const std::string& interface, const char* option) {
  return absl::StrCat("/proc/sys/net/ipv6/conf/", interface, "/", option);
}

}  // namespace banger::netd
