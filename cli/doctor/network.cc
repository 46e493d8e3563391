#include "cli/doctor/network.h"

#include <arpa/inet.h>
#include <netdb.h>

#include <algorithm>
#include <memory>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/names.h"
#include "cli/output/text.h"

namespace banger::cli {
namespace {

using network::v1::NetworkHealth;
using system::v1::GetNetworkResponse;

constexpr char kHostNames[] = "see 'Host names' in docs/networking.md";

bool AnyWithNat(const GetNetworkResponse& view) {
  return std::any_of(view.endpoints().begin(), view.endpoints().end(),
                     [](const auto& shown) { return shown.endpoint().policy().nat(); });
}

Finding JudgeBridge(const GetNetworkResponse& view) {
  const NetworkHealth& health = view.health();
  const std::string bridge = absl::StrCat(view.network().bridge(), ", ", view.network().gateway(), "/",
                                          view.network().prefix_length());
  if (!health.problems().empty())
    return Failure(
        "network", absl::StrCat(bridge, ": ", OneLine(absl::StrJoin(health.problems(), "; "))),
        "journalctl -u banger-netd; another [network] address or bridge in /etc/banger/config.toml");
  if (!view.endpoints().empty() && !health.bridge_up())
    return Failure("network", absl::StrCat(bridge, " is not up although VMs have taps"),
                   "sudo systemctl restart banger-netd");
  return Pass("network", absl::StrCat(bridge, health.bridge_up() ? ", up" : ", made with the first VM"));
}

Finding JudgeRules(const NetworkHealth& health) {
  if (health.rules() == NetworkHealth::RULES_CHANGED)
    return Warning("rules", "somebody has changed them; netd puts them back", "banger system network");
  if (health.repair_count() > 0)
    return Warning("rules",
                   absl::StrCat("in place; somebody had changed them, ", health.repair_count(), " times"),
                   "look for what reloads the firewall: journalctl -u banger-netd");
  return Pass("rules", health.rules() == NetworkHealth::RULES_IN_PLACE ? "in place"
                                                                       : "none needed: no VM is attached");
}

Finding JudgeNat(const GetNetworkResponse& view) {
  const network::v1::Network& network = view.network();
  const std::string uplinks = OneLine(absl::StrJoin(network.uplinks(), ", "));
  if (network.uplinks().empty())
    return Warning("nat", "the host has no default route: VMs with --nat reach nobody", "ip route");
  if (!AnyWithNat(view)) return Pass("nat", absl::StrCat("way out: ", uplinks, "; no VM uses it"));
  if (view.health().forwards_everywhere())
    return Pass("nat", absl::StrCat("way out: ", uplinks, "; the host forwards on all interfaces"));
  for (const std::string& interface : network.uplinks())
    if (std::find(network.forwarding().begin(), network.forwarding().end(), interface) ==
        network.forwarding().end())
      return Failure("nat", absl::StrCat("'", OneLine(interface), "' does not forward, though VMs have NAT"),
                     "sudo systemctl restart banger-netd");
  return Pass("nat", absl::StrCat("way out: ", uplinks, ", forwarding"));
}

Finding JudgeDns(const network::v1::Dns& dns) {
  if (!dns.warnings().empty())
    return Warning("dns", OneLine(absl::StrJoin(dns.warnings(), "; ")),
                   "free the port, or change [network] dns_listen in /etc/banger/config.toml");
  if (dns.guest_server().empty())
    return Failure("dns", "does not serve VMs", "sudo systemctl restart banger-netd");
  return Pass(
      "dns",
      absl::StrCat("serves VMs at ", dns.guest_server(),
                   dns.host_listen().empty() ? "" : absl::StrCat(", this host at ", dns.host_listen())));
}

}  // namespace

Findings JudgeNetwork(const GetNetworkResponse& view) {
  Findings findings = {JudgeBridge(view), JudgeRules(view.health()), JudgeNat(view),
                       JudgeDns(view.network().dns())};
  for (const std::string& warning : view.warnings())
    findings.push_back(Warning("network", OneLine(warning), "sudo banger system restart"));
  return findings;
}

std::vector<std::string> ResolveByNss(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_INET;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* list = nullptr;
  if (::getaddrinfo(name.c_str(), nullptr, &hints, &list) != 0) return {};
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> found(list, ::freeaddrinfo);
  std::vector<std::string> addresses;
  for (const addrinfo* entry = found.get(); entry != nullptr; entry = entry->ai_next) {
    char text[INET_ADDRSTRLEN] = "";
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(entry->ai_addr)->sin_addr, text, sizeof(text));
    addresses.emplace_back(text);
  }
  return addresses;
}

Finding CheckNames(const GetNetworkResponse& view, const Resolve& resolve) {
  std::size_t resolved = 0;
  for (const system::v1::NetworkEndpoint& shown : view.endpoints()) {
    if (shown.vm().empty() || shown.endpoint().tap().empty()) continue;
    const std::string name = absl::StrCat(IdOf(shown.vm()), ".vm");
    const std::vector<std::string> addresses = resolve(name);
    if (addresses.empty())
      return Warning("names", absl::StrCat("this host's programs do not find ", OneLine(name)), kHostNames);
    if (std::find(addresses.begin(), addresses.end(), shown.endpoint().address()) == addresses.end())
      return Failure("names",
                     absl::StrCat(OneLine(name), " is ", OneLine(absl::StrJoin(addresses, ", ")),
                                  " to this host, not ", shown.endpoint().address()),
                     "look for who else answers for .vm: resolvectl query, /etc/hosts");
    ++resolved;
  }
  if (resolved == 0)
    return Warning("names", "not tried: no VM is on the network",
                   "banger vm create, and banger doctor again");
  return Pass("names", absl::StrCat("this host's programs find ", resolved, resolved == 1 ? " VM" : " VMs",
                                    " by name"));
}

}  // namespace banger::cli
