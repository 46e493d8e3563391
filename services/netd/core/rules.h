// What the host's packet filter has to enforce for the guests, as plain values.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "services/netd/core/endpoint.h"
#include "services/netd/core/policy.h"

namespace banger::netd {

using SteadyTime = std::chrono::steady_clock::time_point;

// From a guest to an address outside, until then: what a resolver's answer opens.
using OpenedAddresses = std::map<std::pair<Ipv4, Ipv4>, SteadyTime>;

// All that is not allowed here is dropped, but for what every guest may do:
//   * send frames with its own MAC and its own IPv4 address, also in ARP;
//   * ask its gateway for names (port 53) and ping it;
//   * answer what the host asks it.
struct Rules {
  // Guests that have a tap; it carries the address in its name.
  std::set<Ipv4> guests;
  // Both directions of each pair of guests that may reach each other.
  std::set<std::pair<Ipv4, Ipv4>> peers;
  // Out through the uplinks to anywhere, to a network, to an address for a while.
  std::set<Ipv4> open;
  std::set<std::pair<Ipv4, Prefix>> networks;
  OpenedAddresses opened;
  // Interfaces that the host's default routes use.
  std::set<std::string> uplinks;

  // Whether packets have to be forwarded at all.
  bool forwards = false;

  bool operator==(const Rules&) const = default;
};

// Of the endpoints that have a tap.
Rules RulesFor(const Endpoints& endpoints, const std::set<std::string>& uplinks,
               const OpenedAddresses& opened);

}  // namespace banger::netd
