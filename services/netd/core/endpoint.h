// What netd keeps for one VM.
#pragma once

#include <sys/types.h>

#include <map>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "services/netd/core/address.h"
#include "services/netd/core/policy.h"

namespace banger::netd {

struct Endpoint {
  std::string id;
  Ipv4 address;
  uid_t owner = 0;
  // The tap's interface name; empty while there is none. In the ledger it is
  // there from before the tap is made until after it is gone.
  std::string tap;
  // A DNS label: the guest is HOSTNAME.vm while it has a tap. Empty: it has no name.
  std::string hostname;
  Policy policy;

  Mac mac() const { return Mac::ForAddress(address); }
  bool operator==(const Endpoint&) const = default;
};

// By id, and so sorted by name.
using Endpoints = std::map<std::string, Endpoint>;

// 1 to 64 of a-z 0-9 '-'; else ENDPOINT_ID_INVALID.
absl::Status CheckEndpointId(const std::string& id);

// A DNS label in lower case, or empty; else HOSTNAME_INVALID.
absl::Status CheckHostname(const std::string& hostname);

// "bgr-ac1e0002": of fixed form and length, as an interface name has 15 bytes.
std::string TapName(Ipv4 address);

// The address in a tap's name; NOT_FOUND when it is no such name.
absl::StatusOr<Ipv4> AddressOfTap(const std::string& tap);

}  // namespace banger::netd
