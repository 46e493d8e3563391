// What the host's packet filter has to enforce for the guests, as plain values.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/btree_set.h"
#include "services/netd/core/endpoint.h"
#include "services/netd/core/policy.h"

namespace banger::netd {

using SteadyTime = std::chrono::steady_clock::time_point;

// From a guest to an address outside, until then: what a resolver's answer opens.
// Afterwards only connections that are there go on.
using OpenedAddresses = std::map<std::pair<Ipv4, IpAddress>, SteadyTime>;

// Their names.
using Interfaces = PerFamily<std::set<std::string>>;

// Where no guest goes, whatever its policy says: link-local networks, where clouds'
// metadata services are, and where else those are.
const std::vector<Prefix>& ForbiddenNetworks(Family family);

// Whether a name may lead a guest there: not to hosts' own addresses (0/8, 127/8,
// 169.254/16), groups and broadcasts (224/3), or into the guests' network; of IPv6
// only to what is assigned (2000::/3), unique local (fc00::/7), or an IPv4 address
// that it may lead to (64:ff9b::/96, RFC 6052). What is the host's otherwise, or on
// no uplink, is out of reach whatever names say.
bool MayBeNamed(const IpAddress& address, const Subnet& subnet);

// All that is not allowed here is dropped, but for what every guest may do:
//   * send frames with its own MAC and its own addresses, also in ARP and
//     neighbour discovery;
//   * ask its gateway for names (port 53) and ping it;
//   * answer what the host asks it.
struct Rules {
  // Guests that have a tap, and those to come that have one already; it carries the
  // address in its name.
  absl::btree_set<Ipv4> guests;
  // Both directions of each pair of guests that may reach each other.
  absl::btree_set<std::pair<Ipv4, Ipv4>> peers;
  // Out through the uplinks to anywhere, to a network, to an address that a name has.
  absl::btree_set<Ipv4> open;
  absl::btree_set<std::pair<Ipv4, Prefix>> networks;
  OpenedAddresses opened;
  // Interfaces that the host's default routes use.
  Interfaces uplinks;
  // Of these the host forwards nothing that neither comes from guests nor goes to
  // them, as it forwards only because of them.
  std::set<Family> closed;

  // Whether packets have to be forwarded at all.
  bool forwards = false;

  bool operator==(const Rules&) const = default;
};

// Of the endpoints that have a tap; a spare tap may do what every guest may.
Rules RulesFor(const Endpoints& endpoints, const std::set<Ipv4>& spares, const Interfaces& uplinks,
               const OpenedAddresses& opened);

}  // namespace banger::netd
