// What a VM may do on the network besides talking to its host.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "services/netd/core/prefix.h"

namespace banger::netd {

// Where a VM with NAT may go.
struct Egress {
  enum class Mode { kAll, kNone, kListed };

  Mode mode = Mode::kAll;
  // With kListed: sorted, none within another.
  std::vector<Prefix> networks;
  // With kListed: sorted, lower case. "example.com" is that name and no other;
  // "*.example.com" all below it.
  std::vector<std::string> domains;

  bool operator==(const Egress&) const = default;
};

// What is not allowed here is not: a new endpoint reaches its host's resolver,
// and nobody else.
struct Policy {
  // Out by the host's default route, as the host's own address.
  bool nat = false;
  Egress egress;
  // Ids of endpoints; they and this one may reach each other when both have the
  // same owner. Sorted. They need not be there (yet).
  std::vector<std::string> peers;

  bool operator==(const Policy&) const = default;
};

// The policy in its normal form; POLICY_INVALID when it makes no sense or is
// longer than anybody needs (256 networks, domains or peers).
absl::StatusOr<Policy> NormalPolicy(Policy policy);

// Whether `name` (a DNS name, any case, with or without a dot at its end) is one
// of the domains.
bool IsListedDomain(const Egress& egress, absl::string_view name);

}  // namespace banger::netd
