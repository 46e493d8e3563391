#include "services/netd/core/address.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"

namespace banger::netd {
namespace {

constexpr int kIpv6Length = 64;

bool IsUsableByHosts(Ipv4 address) {
  const std::uint32_t first = address.bits() >> 24;
  return first != 0 && first != 127 && first < 224 && address.bits() >> 16 != 0xa9fe;
}

}  // namespace

Mac Mac::ForAddress(Ipv4 address) {
  Mac mac;
  mac.bytes_ = {0x52, 0xb4};
  for (int i = 0; i < 4; ++i) mac.bytes_[2 + i] = static_cast<std::uint8_t>(address.bits() >> (24 - 8 * i));
  return mac;
}

std::string Mac::ToString() const {
  return absl::StrFormat("%02x:%02x:%02x:%02x:%02x:%02x", bytes_[0], bytes_[1], bytes_[2], bytes_[3],
                         bytes_[4], bytes_[5]);
}

IpAddress Mac::LinkLocalAddress() const {
  IpAddress::Bytes bytes{0xfe, 0x80};
  std::copy_n(bytes_.begin(), 3, bytes.begin() + 8);
  bytes[8] ^= 2;  // "universal" stands the other way round
  bytes[11] = 0xff;
  bytes[12] = 0xfe;
  std::copy_n(bytes_.begin() + 3, 3, bytes.begin() + 13);
  return IpAddress(bytes);
}

absl::StatusOr<Subnet> Subnet::Create(Ipv4 gateway, int prefix_length) {
  if (prefix_length < 16 || prefix_length > 30)
    return absl::InvalidArgumentError(
        absl::StrCat("prefix length ", prefix_length, " is not within 16 to 30"));
  const Subnet subnet(gateway, prefix_length);
  if (!IsUsableByHosts(gateway) || gateway == subnet.network() || gateway == subnet.broadcast())
    return absl::InvalidArgumentError(
        absl::StrCat(subnet.ToString(), " is no address that a bridge can have"));
  return subnet;
}

absl::StatusOr<Subnet> Subnet::WithIpv6(const Prefix& network) const {
  const std::uint8_t first = network.network().bytes()[0];
  const bool is_routed = (first & 0xfe) == 0xfc || (first & 0xe0) == 0x20;
  if (network.family() != Family::kIpv6 || network.length() != kIpv6Length || !is_routed)
    return absl::InvalidArgumentError(
        absl::StrCat("'", network.ToString(), "' is not a /64 of fc00::/7 or 2000::/3"));
  Subnet both = *this;
  both.ipv6_ = network;
  return both;
}

std::vector<Family> Subnet::families() const {
  if (has_ipv6()) return {Family::kIpv4, Family::kIpv6};
  return {Family::kIpv4};
}

Prefix Subnet::NetworkOf(Family family) const {
  return family == Family::kIpv6 ? *ipv6_ : Prefix::Of(gateway_, prefix_length_);
}

Prefix Subnet::MembersOf(Family family) const {
  return Prefix::Of(AddressOf(network(), family), AddressLength(family) - 32 + prefix_length_);
}

IpAddress Subnet::AddressOf(Ipv4 member, Family family) const {
  if (family == Family::kIpv4) return member;
  IpAddress::Bytes bytes = ipv6_->network().bytes();
  std::copy_n(IpAddress(member).bytes().begin(), 4, bytes.end() - 4);
  return IpAddress(bytes);
}

std::optional<Ipv4> Subnet::MemberWith(const IpAddress& address) const {
  const Ipv4 member = address.low_bits();
  if (address.family() == Family::kIpv6 && !has_ipv6()) return std::nullopt;
  const bool is_ours =
      AddressOf(member, address.family()) == address && NetworkOf(Family::kIpv4).Contains(IpAddress(member));
  return is_ours ? std::optional(member) : std::nullopt;
}

bool Subnet::IsGuestAddress(Ipv4 address) const {
  return address > network() && address < broadcast() && address != gateway_;
}

bool Subnet::Overlaps(const Prefix& network) const {
  return NetworkOf(Family::kIpv4).Overlaps(network) || (has_ipv6() && ipv6_->Overlaps(network));
}

std::string Subnet::ToString() const { return absl::StrCat(gateway_.ToString(), "/", prefix_length_); }

}  // namespace banger::netd
