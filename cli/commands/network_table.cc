#include "cli/commands/network_table.h"

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "banger/system/v1/system_service.pb.h"
#include "cli/names.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "cli/output/time.h"

namespace banger::cli {
namespace {

using network::v1::NetworkHealth;
using system::v1::GetNetworkResponse;
using Clock = std::chrono::system_clock;

std::string OrElse(const std::string& text, const std::string& otherwise) {
  return text.empty() ? otherwise : text;
}

std::string BridgeText(const GetNetworkResponse& view) {
  const network::v1::Network& network = view.network();
  return absl::StrCat(network.bridge(), ", ", view.health().bridge_up() ? "up" : "not there", ", ",
                      network.gateway(), "/", network.prefix_length(), ", MTU ", network.mtu());
}

template <typename Interfaces>
std::string ForwardingText(const Interfaces& interfaces, bool forwards_everywhere) {
  std::string text = absl::StrJoin(interfaces, ", ");
  if (!text.empty()) text += ", for VMs";
  if (!forwards_everywhere) return OrElse(text, "off");
  return absl::StrCat(text, text.empty() ? "" : "; ", "all interfaces, not by banger");
}

std::string Ipv6Text(const GetNetworkResponse& view) {
  const network::v1::Network& network = view.network();
  return absl::StrCat(
      network.ipv6_gateway(), "/", network.ipv6_prefix_length(),
      "; way out: ", OrElse(absl::StrJoin(network.ipv6_uplinks(), ", "), "none"),
      "; forwarding: ", ForwardingText(network.ipv6_forwarding(), view.health().ipv6_forwards_everywhere()));
}

std::string RulesText(const NetworkHealth& health, Clock::time_point now) {
  std::string text;
  switch (health.rules()) {
    case NetworkHealth::RULES_NOT_NEEDED:
      text = "none needed: no VM is attached";
      break;
    case NetworkHealth::RULES_IN_PLACE:
      text = "in place";
      break;
    case NetworkHealth::RULES_CHANGED:
      text = "changed by somebody; they are put back in a moment";
      break;
    default:
      text = absl::StrCat("unknown (", static_cast<int>(health.rules()), ")");
  }
  if (health.repair_count() > 0)
    absl::StrAppend(&text, "; put back ", health.repair_count(),
                    health.repair_count() == 1 ? " time" : " times", ", last ",
                    HumanAge(ToTime(health.repair_time()), now));
  return text;
}

std::string DnsText(const network::v1::Dns& dns) {
  return absl::StrCat(
      dns.guest_server().empty() ? "not for VMs" : absl::StrCat(dns.guest_server(), ":53 for VMs"), ", ",
      dns.host_listen().empty() ? "not for this host" : absl::StrCat(dns.host_listen(), " for this host"));
}

std::string EgressText(const network::v1::EndpointPolicy& policy) {
  if (!policy.nat()) return "";
  const egress::v1::Egress& egress = policy.egress();
  if (egress.mode() == egress::v1::Egress::MODE_NONE) return "none";
  if (egress.mode() != egress::v1::Egress::MODE_LISTED) return "all";
  std::vector<std::string> listed(egress.domains().begin(), egress.domains().end());
  listed.insert(listed.end(), egress.networks().begin(), egress.networks().end());
  return OrElse(absl::StrJoin(listed, ","), "none");
}

std::string PortsText(const system::v1::NetworkEndpoint& endpoint) {
  return absl::StrJoin(
      endpoint.published_ports(), ",", [](std::string* out, const vm::v1::PublishedPort& port) {
        absl::StrAppend(out, port.host_address(), ":", port.host_port(), "->", port.guest_port(),
                        port.protocol() == vm::v1::PublishedPort::PROTOCOL_UDP ? "/udp" : "",
                        port.problem().empty() ? "" : " (closed)");
      });
}

std::string VmsText(const GetNetworkResponse& view) {
  // Endpoints are called by their VM where that is known.
  std::map<std::string, std::string> names;
  for (const system::v1::NetworkEndpoint& shown : view.endpoints()) {
    const std::string id = IdOf(shown.endpoint().name());
    names[id] = shown.vm().empty() ? id : IdOf(shown.vm());
  }
  const bool has_ipv6 = !view.network().ipv6_gateway().empty();
  std::vector<std::string> columns = {"VM",  "ADDRESS", "MAC",       "TAP",  "OWNER",
                                      "NAT", "EGRESS",  "MAY REACH", "PORTS"};
  if (has_ipv6) columns.insert(columns.begin() + 2, "IPV6");
  Table table(columns);
  for (const system::v1::NetworkEndpoint& shown : view.endpoints()) {
    const network::v1::Endpoint& endpoint = shown.endpoint();
    const std::string peers =
        absl::StrJoin(endpoint.policy().peer_ids(), ",", [&](std::string* out, const std::string& id) {
          const auto found = names.find(id);
          absl::StrAppend(out, found == names.end() ? id : found->second);
        });
    std::vector<std::string> row = {names[IdOf(endpoint.name())],
                                    endpoint.address(),
                                    endpoint.mac(),
                                    endpoint.tap(),
                                    absl::StrCat(endpoint.owner_uid()),
                                    endpoint.policy().nat() ? "on" : "off",
                                    EgressText(endpoint.policy()),
                                    peers,
                                    PortsText(shown)};
    if (has_ipv6) row.insert(row.begin() + 2, endpoint.ipv6_address());
    table.AddRow(row);
  }
  return table.Render();
}

}  // namespace

std::string NetworkTable(const GetNetworkResponse& view, Clock::time_point now) {
  const network::v1::Dns& dns = view.network().dns();
  std::string text;
  const auto line = [&text](const std::string& what, const std::string& value) {
    absl::StrAppend(&text, what, std::string(13 - what.size(), ' '), OneLine(value), "\n");
  };
  line("Bridge:", BridgeText(view));
  line("Way out:", OrElse(absl::StrJoin(view.network().uplinks(), ", "), "none"));
  line("Forwarding:", ForwardingText(view.network().forwarding(), view.health().forwards_everywhere()));
  if (!view.network().ipv6_gateway().empty()) line("IPv6:", Ipv6Text(view));
  line("Rules:", RulesText(view.health(), now));
  line("DNS:", DnsText(dns));
  line("Host names:", dns.host_resolver().empty()
                          ? "no resolver of this host has been told; see docs/networking.md"
                          : dns.host_resolver() + " asks for .vm");
  for (const std::string& warning : dns.warnings()) line("Problem:", warning);
  for (const std::string& problem : view.health().problems()) line("Problem:", problem);
  return view.endpoints().empty() ? text : absl::StrCat(text, "\n", VmsText(view));
}

}  // namespace banger::cli
