// Addresses of both families as values.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::netd {

enum class Family { kIpv4, kIpv6 };

// In bits.
constexpr int AddressLength(Family family) { return family == Family::kIpv4 ? 32 : 128; }

// One for each family.
template <typename T>
struct PerFamily {
  T ipv4{};
  T ipv6{};

  T& operator[](Family family) { return family == Family::kIpv4 ? ipv4 : ipv6; }
  const T& operator[](Family family) const { return family == Family::kIpv4 ? ipv4 : ipv6; }
  bool operator==(const PerFamily&) const = default;
};

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

// An address of either family.
class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  IpAddress() : IpAddress(Ipv4()) {}
  // Implicit, as every IPv4 address is one.
  IpAddress(Ipv4 address);  // NOLINT(google-explicit-constructor)
  // IPv6, in network order.
  explicit IpAddress(const Bytes& bytes) : family_(Family::kIpv6), bytes_(bytes) {}

  // As inet_pton takes them: "172.30.0.1", "fd00::1", "::ffff:192.0.2.1".
  static absl::StatusOr<IpAddress> Parse(absl::string_view text);

  Family family() const { return family_; }
  // In network order; of IPv4 the first four.
  const Bytes& bytes() const { return bytes_; }
  // Of the last four bytes.
  Ipv4 low_bits() const;
  // With all bits beyond the first `length` zero.
  IpAddress Masked(int length) const;
  // RFC 5952: "fd00::ac1e:2".
  std::string ToString() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_;
  Bytes bytes_{};
};

}  // namespace banger::netd
