#pragma once

#include <compare>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/netd/core/ip_address.h"

namespace banger::netd {

// A network of either family: "10.0.0.0/8", "2001:db8::/32".
class Prefix {
 public:
  // A network or one address. INVALID_ARGUMENT when bits beyond the prefix are
  // set, as then the writer meant something else.
  static absl::StatusOr<Prefix> Parse(absl::string_view text);
  // Of the addresses that have the first `length` bits in common with this one.
  static Prefix Of(const IpAddress& address, int length) { return Prefix(address.Masked(length), length); }

  const IpAddress& network() const { return network_; }
  Family family() const { return network_.family(); }
  int length() const { return length_; }
  bool Contains(const Prefix& other) const;
  bool Contains(const IpAddress& address) const;
  bool Overlaps(const Prefix& other) const { return Contains(other) || other.Contains(*this); }
  // "10.0.0.0/8", "192.0.2.7/32".
  std::string ToString() const;

  auto operator<=>(const Prefix&) const = default;

 private:
  Prefix(const IpAddress& network, int length) : network_(network), length_(length) {}

  IpAddress network_;
  int length_;
};

}  // namespace banger::netd
