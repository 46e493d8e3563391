#include "services/netd/convert.h"

#include <google/protobuf/util/time_util.h>

#include <chrono>

#include "absl/strings/str_cat.h"
#include "services/netd/errors.h"
#include "services/netd/names.h"

namespace banger::netd {
namespace {

// Numbers of the wire, one above those of core: 0 is unspecified.
static_assert(static_cast<int>(Egress::Mode::kAll) + 1 == egress::v1::Egress::MODE_ALL);
static_assert(static_cast<int>(Egress::Mode::kListed) + 1 == egress::v1::Egress::MODE_LISTED);
static_assert(static_cast<int>(Health::Rules::kNotNeeded) == v1::NetworkHealth::RULES_NOT_NEEDED);
static_assert(static_cast<int>(Health::Rules::kChanged) == v1::NetworkHealth::RULES_CHANGED);

v1::EndpointPolicy ToProto(const Policy& policy) {
  v1::EndpointPolicy proto;
  proto.set_nat(policy.nat);
  proto.mutable_egress()->set_mode(
      static_cast<egress::v1::Egress::Mode>(static_cast<int>(policy.egress.mode) + 1));
  for (const Prefix& network : policy.egress.networks)
    proto.mutable_egress()->add_networks(network.ToString());
  for (const std::string& domain : policy.egress.domains) proto.mutable_egress()->add_domains(domain);
  for (const std::string& peer : policy.peers) proto.add_peer_ids(peer);
  return proto;
}

}  // namespace

absl::StatusOr<Policy> FromProto(const v1::EndpointPolicy& proto) {
  Policy policy{.nat = proto.nat()};
  const egress::v1::Egress& egress = proto.egress();
  if (egress.mode() != egress::v1::Egress::MODE_UNSPECIFIED) {
    if (!egress::v1::Egress::Mode_IsValid(egress.mode()))
      return PolicyInvalid(absl::StrCat("unknown egress mode ", static_cast<int>(egress.mode())));
    policy.egress.mode = static_cast<Egress::Mode>(egress.mode() - 1);
  }
  for (const std::string& text : egress.networks()) {
    const absl::StatusOr<Prefix> network = Prefix::Parse(text);
    if (!network.ok()) return PolicyInvalid(std::string(network.status().message()));
    policy.egress.networks.push_back(*network);
  }
  policy.egress.domains.assign(egress.domains().begin(), egress.domains().end());
  policy.peers.assign(proto.peer_ids().begin(), proto.peer_ids().end());
  return policy;
}

v1::Endpoint ToProto(const Endpoint& endpoint, const Subnet& subnet) {
  v1::Endpoint proto;
  proto.set_name(EndpointName(endpoint.id));
  proto.set_address(endpoint.address.ToString());
  if (subnet.has_ipv6()) proto.set_ipv6_address(subnet.AddressOf(endpoint.address, Family::kIpv6).ToString());
  proto.set_mac(endpoint.mac().ToString());
  proto.set_tap(endpoint.tap);
  proto.set_owner_uid(endpoint.owner);
  proto.set_hostname(endpoint.hostname);
  *proto.mutable_policy() = ToProto(endpoint.policy);
  return proto;
}

v1::NetworkHealth ToProto(const Health& health) {
  v1::NetworkHealth proto;
  proto.set_bridge_up(health.bridge_up);
  proto.set_rules(static_cast<v1::NetworkHealth::Rules>(health.rules));
  proto.set_repair_count(health.repairs);
  if (health.repairs > 0)
    *proto.mutable_repair_time() = google::protobuf::util::TimeUtil::TimeTToTimestamp(
        std::chrono::system_clock::to_time_t(health.last_repair));
  proto.set_forwards_everywhere(health.forwards_everywhere.ipv4);
  proto.set_ipv6_forwards_everywhere(health.forwards_everywhere.ipv6);
  for (const std::string& problem : health.problems) proto.add_problems(problem);
  return proto;
}

v1::Network ToProto(const std::string& bridge, const Subnet& subnet, int mtu, const DnsStatus& dns) {
  v1::Network proto;
  proto.set_bridge(bridge);
  proto.set_gateway(subnet.gateway().ToString());
  proto.set_prefix_length(subnet.prefix_length());
  if (subnet.has_ipv6()) {
    proto.set_ipv6_gateway(subnet.AddressOf(subnet.gateway(), Family::kIpv6).ToString());
    proto.set_ipv6_prefix_length(subnet.NetworkOf(Family::kIpv6).length());
  }
  proto.set_mtu(mtu);
  proto.mutable_dns()->set_guest_server(dns.guest_server);
  proto.mutable_dns()->set_host_listen(dns.host_listen);
  proto.mutable_dns()->set_host_resolver(dns.host_resolver);
  for (const std::string& warning : dns.warnings) proto.mutable_dns()->add_warnings(warning);
  return proto;
}

}  // namespace banger::netd
