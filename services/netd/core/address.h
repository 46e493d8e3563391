// What the bridge and its guests have for addresses.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "services/netd/core/ip_address.h"
#include "services/netd/core/prefix.h"

namespace banger::netd {

class Mac {
 public:
  // 52:b4 and the four bytes of the address: locally administered, unicast, and
  // the same whenever the address is, so that no neighbour has to learn it anew.
  static Mac ForAddress(Ipv4 address);

  const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
  std::string ToString() const;
  // The IPv6 address that an interface with this MAC gives itself (RFC 4291,
  // modified EUI-64): fe80::50b4:acff:fe1e:2.
  IpAddress LinkLocalAddress() const;

  bool operator==(const Mac&) const = default;

 private:
  std::array<std::uint8_t, 6> bytes_{};
};

// The guests' network and the host's own address in it: an IPv4 network, and
// where IPv6 is on a /64 beside it. One number has both addresses: the IPv6 one is
// the /64 with the IPv4 one in its last 32 bits.
class Subnet {
 public:
  // INVALID_ARGUMENT unless 16 <= prefix <= 30 and the address is one that a
  // host can have: not the network's own, not its broadcast address, not of
  // 0/8, 127/8, 169.254/16 or 224/3.
  static absl::StatusOr<Subnet> Create(Ipv4 gateway, int prefix_length);
  // The same with IPv6. INVALID_ARGUMENT unless it is a /64 of fc00::/7 or 2000::/3.
  absl::StatusOr<Subnet> WithIpv6(const Prefix& network) const;

  Ipv4 gateway() const { return gateway_; }
  int prefix_length() const { return prefix_length_; }
  Ipv4 network() const { return Ipv4(gateway_.bits() & Mask(prefix_length_)); }
  Ipv4 broadcast() const { return Ipv4(gateway_.bits() | ~Mask(prefix_length_)); }

  // kIpv4, and kIpv6 where that is on; the following take no other.
  std::vector<Family> families() const;
  bool has_ipv6() const { return ipv6_.has_value(); }
  Prefix NetworkOf(Family family) const;
  // In which all addresses lie that AddressOf gives.
  Prefix MembersOf(Family family) const;
  // Of the guest, or of the gateway.
  IpAddress AddressOf(Ipv4 member, Family family) const;
  // Whose address that is, guest's or gateway's or nobody's yet; empty when it is
  // none of ours.
  std::optional<Ipv4> MemberWith(const IpAddress& address) const;

  // True for what a guest may have: neither network, broadcast nor gateway.
  bool IsGuestAddress(Ipv4 address) const;

  // Whether it shares any address with the network.
  bool Overlaps(const Prefix& network) const;

  // "172.30.0.1/24".
  std::string ToString() const;

  bool operator==(const Subnet&) const = default;

 private:
  Subnet(Ipv4 gateway, int prefix_length) : gateway_(gateway), prefix_length_(prefix_length) {}
  static constexpr std::uint32_t Mask(int prefix_length) {
    return prefix_length == 0 ? 0 : ~std::uint32_t{0} << (32 - prefix_length);
  }

  Ipv4 gateway_;
  int prefix_length_;
  std::optional<Prefix> ipv6_;
};

}  // namespace banger::netd
