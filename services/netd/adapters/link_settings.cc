#include "services/netd/adapters/link_settings.h"

#include <utility>

#include "common/os/sysctl.h"
#include "common/status/status_macros.h"
#include "services/netd/adapters/ipv6_options.h"
#include "services/netd/errors.h"

namespace banger::netd {
namespace {

constexpr std::pair<const char*, char> kBridgeOptions[] = {{kIpv6AcceptRa, '0'},        {kIpv6Autoconf, '0'},
                                                           {kIpv6AcceptRedirects, '0'}, {kIpv6AcceptDad, '0'},
                                                           {kIpv6AddrGenMode, '1'},     {kIpv6Disable, '0'}};

}  // namespace

absl::Status DisableIpv6(const std::string& interface) {
  const absl::Status disabled = SetSysctl(Ipv6Option(interface, kIpv6Disable), '1');
  return absl::IsNotFound(disabled) ? absl::OkStatus() : disabled;
}

absl::Status EnableIpv6(const std::string& interface) {
  for (const auto& [option, value] : kBridgeOptions) {
    const absl::Status set = SetSysctl(Ipv6Option(interface, option), value);
    if (absl::IsNotFound(set)) return NoIpv6();
    if (!set.ok()) return set;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> HasIpv6Options(const std::string& interface, bool enabled) {
  if (!enabled) {
    BANGER_ASSIGN_OR_RETURN(const bool is_enabled, SysctlIs(Ipv6Option(interface, kIpv6Disable), '0'));
    return !is_enabled;
  }
  for (const auto& [option, value] : kBridgeOptions) {
    BANGER_ASSIGN_OR_RETURN(const bool is_set, SysctlIs(Ipv6Option(interface, option), value));
    if (!is_set) return false;
  }
  return true;
}

std::vector<LinkAddress> BridgeAddresses(const Subnet& subnet) {
  std::vector<LinkAddress> wanted;
  for (const Family family : subnet.families())
    wanted.push_back({.address = subnet.AddressOf(subnet.gateway(), family),
                      .prefix_length = subnet.NetworkOf(family).length()});
  if (subnet.has_ipv6()) wanted.push_back({.address = *IpAddress::Parse("fe80::1"), .prefix_length = 64});
  return wanted;
}

std::vector<LinkAddress> MissingBridgeAddresses(const Subnet& subnet, const std::vector<LinkAddress>& there) {
  std::vector<LinkAddress> missing = BridgeAddresses(subnet);
  for (const LinkAddress& address : there)
    std::erase_if(missing, [&](const LinkAddress& wanted) {
      return address.address == wanted.address && address.prefix_length == wanted.prefix_length;
    });
  return missing;
}

bool IsLinkLocal(const IpAddress& address) {
  static const Prefix link_local = *Prefix::Parse("fe80::/10");
  return link_local.Contains(address);
}

}  // namespace banger::netd
