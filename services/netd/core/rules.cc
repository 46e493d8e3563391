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
  for (auto entry = opened.lower_bound({endpoint.address, Ipv4()});
       entry != opened.end() && entry->first.first == endpoint.address; ++entry)
    rules.opened.insert(*entry);
}

}  // namespace

bool MayBeNamed(Ipv4 address, const Subnet& subnet) {
  const std::uint32_t first = address.bits() >> 24;
  return first != 0 && first != 127 && first < 224 && address.bits() >> 16 != 0xa9fe &&
         !subnet.Overlaps(address, 32);
}

Rules RulesFor(const Endpoints& endpoints, const std::set<Ipv4>& spares, const std::set<std::string>& uplinks,
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
