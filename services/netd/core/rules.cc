#include "services/netd/core/rules.h"

namespace banger::netd {
namespace {

void AddPeers(const Endpoint& endpoint, const Endpoints& endpoints, Rules& rules) {
  for (const std::string& id : endpoint.policy.peers) {
    const auto peer = endpoints.find(id);
    if (peer == endpoints.end() || peer->second.tap.empty() || id == endpoint.id) continue;
    // Nobody opens another user's VM by naming it.
    if (peer->second.owner != endpoint.owner) continue;
    rules.peers.emplace(endpoint.address, peer->second.address);
    rules.peers.emplace(peer->second.address, endpoint.address);
  }
}

void AddEgress(const Endpoint& endpoint, const OpenedAddresses& opened, Rules& rules) {
  const Egress& egress = endpoint.policy.egress;
  if (!endpoint.policy.nat || egress.mode == Egress::Mode::kNone) return;
  rules.forwards = true;
  if (egress.mode == Egress::Mode::kAll) {
    rules.open.insert(endpoint.address);
    return;
  }
  for (const Prefix& network : egress.networks) rules.networks.emplace(endpoint.address, network);
  if (egress.domains.empty()) return;
  for (auto entry = opened.lower_bound({endpoint.address, IpAddress()});
       entry != opened.end() && entry->first.first == endpoint.address; ++entry)
    rules.opened.insert(*entry);
}

}  // namespace

const std::vector<Prefix>& ForbiddenNetworks(Family family) {
  static const auto& ipv4 = *new std::vector<Prefix>{*Prefix::Parse("169.254.0.0/16")};
  static const auto& ipv6 = *new std::vector<Prefix>{
      *Prefix::Parse("fe80::/10"), *Prefix::Parse("fec0::/10"), *Prefix::Parse("ff00::/8"),
      *Prefix::Parse("64:ff9b::169.254.0.0/112"),
      // Metadata services of EC2, Google's and Oracle's clouds.
      *Prefix::Parse("fd00:ec2::254"), *Prefix::Parse("fd20:ce::254"), *Prefix::Parse("fd00:c1::a9fe:a9fe")};
  return family == Family::kIpv4 ? ipv4 : ipv6;
}

bool MayBeNamed(const IpAddress& address, const Subnet& subnet) {
  const Prefix alone = Prefix::Of(address, AddressLength(address.family()));
  for (const Prefix& forbidden : ForbiddenNetworks(address.family()))
    if (forbidden.Contains(address)) return false;
  if (subnet.Overlaps(alone)) return false;
  const std::uint8_t first = address.bytes()[0];
  if (address.family() == Family::kIpv4) return first != 0 && first != 127 && first < 224;
  static const Prefix translated = *Prefix::Parse("64:ff9b::/96");
  if (translated.Contains(address)) return MayBeNamed(address.low_bits(), subnet);
  return (first & 0xe0) == 0x20 || (first & 0xfe) == 0xfc;
}

Rules RulesFor(const Endpoints& endpoints, const std::set<Ipv4>& spares, const Interfaces& uplinks,
               const OpenedAddresses& opened) {
  Rules rules{.guests = {spares.begin(), spares.end()}, .uplinks = uplinks};
  for (const auto& [id, endpoint] : endpoints) {
    if (endpoint.tap.empty()) continue;
    rules.guests.insert(endpoint.address);
    AddPeers(endpoint, endpoints, rules);
    AddEgress(endpoint, opened, rules);
  }
  return rules;
}

}  // namespace banger::netd
