#include "services/netd/core/address.h"

#include <algorithm>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace banger::netd {
namespace {

bool IsUsableByHosts(Ipv4 address) {
  const std::uint32_t first = address.bits() >> 24;
  return first != 0 && first != 127 && first < 224 && address.bits() >> 16 != 0xa9fe;
}

}  // namespace

absl::StatusOr<Ipv4> Ipv4::Parse(absl::string_view text) {
  const auto malformed = [text] {
    return absl::InvalidArgumentError(absl::StrCat("'", text, "' is not an IPv4 address"));
  };
  const std::vector<absl::string_view> parts = absl::StrSplit(text, '.');
  if (parts.size() != 4) return malformed();
  std::uint32_t bits = 0;
  for (const absl::string_view part : parts) {
    std::uint32_t number = 0;
    // Comparing with what the number prints as refuses signs, blanks and 010.
    if (!absl::SimpleAtoi(part, &number) || number > 255 || absl::StrCat(number) != part) return malformed();
    bits = bits << 8 | number;
  }
  return Ipv4(bits);
}

std::string Ipv4::ToString() const {
  return absl::StrCat(bits_ >> 24, ".", bits_ >> 16 & 255, ".", bits_ >> 8 & 255, ".", bits_ & 255);
}

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

bool Subnet::IsGuestAddress(Ipv4 address) const {
  return address > network() && address < broadcast() && address != gateway_;
}

bool Subnet::Overlaps(Ipv4 network, int prefix_length) const {
  const std::uint32_t mask = Mask(std::min(prefix_length, prefix_length_));
  return (network.bits() & mask) == (gateway_.bits() & mask);
}

std::string Subnet::ToString() const { return absl::StrCat(gateway_.ToString(), "/", prefix_length_); }

}  // namespace banger::netd
