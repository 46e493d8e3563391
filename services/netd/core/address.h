// IPv4 and Ethernet addresses as values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::netd {

class Ipv4 {
 public:
  Ipv4() = default;
  explicit constexpr Ipv4(std::uint32_t bits) : bits_(bits) {}

  // Four decimal numbers without leading zeros, as inet_pton takes them.
  static absl::StatusOr<Ipv4> Parse(absl::string_view text);

  // In host byte order: 172.30.0.1 is 0xac1e0001.
  constexpr std::uint32_t bits() const { return bits_; }
  std::string ToString() const;

  auto operator<=>(const Ipv4&) const = default;

 private:
  std::uint32_t bits_ = 0;
};

class Mac {
 public:
  // 52:b4 and the four bytes of the address: locally administered, unicast, and
  // the same whenever the address is, so that no neighbour has to learn it anew.
  static Mac ForAddress(Ipv4 address);

  const std::array<std::uint8_t, 6>& bytes() const { return bytes_; }
  std::string ToString() const;

  bool operator==(const Mac&) const = default;

 private:
  std::array<std::uint8_t, 6> bytes_{};
};

// An IPv4 network and the host's own address in it.
class Subnet {
 public:
  // INVALID_ARGUMENT unless 16 <= prefix <= 30 and the address is one that a
  // host can have: not the network's own, not its broadcast address, not of
  // 0/8, 127/8, 169.254/16 or 224/3.
  static absl::StatusOr<Subnet> Create(Ipv4 gateway, int prefix_length);

  Ipv4 gateway() const { return gateway_; }
  int prefix_length() const { return prefix_length_; }
  Ipv4 network() const { return Ipv4(gateway_.bits() & Mask(prefix_length_)); }
  Ipv4 broadcast() const { return Ipv4(gateway_.bits() | ~Mask(prefix_length_)); }

  // True for what a guest may have: neither network, broadcast nor gateway.
  bool IsGuestAddress(Ipv4 address) const;

  // Whether it shares any address with network/prefix_length (0 to 32).
  bool Overlaps(Ipv4 network, int prefix_length) const;

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
};

}  // namespace banger::netd
