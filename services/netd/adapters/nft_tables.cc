#include "services/netd/adapters/nft_tables.h"

#include <vector>

#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/string_view.h"

namespace banger::netd {
namespace {

// Patterns for the names of all taps that this subnet can have, so that the
// frames of one that no rule knows are dropped.
std::vector<std::string> TapPatterns(const Subnet& subnet) {
  const int whole_digits = subnet.prefix_length() / 4;
  const int rest = subnet.prefix_length() % 4;
  const std::string network = TapName(subnet.network());
  const std::size_t stem = network.size() - 8 + static_cast<std::size_t>(whole_digits);
  if (rest == 0) return {absl::StrCat(network.substr(0, stem), "*")};
  std::vector<std::string> patterns;
  for (std::uint32_t i = 0; i < (1u << (4 - rest)); ++i) {
    const Ipv4 part(subnet.network().bits() + (i << (28 - 4 * whole_digits)));
    patterns.push_back(absl::StrCat(TapName(part).substr(0, stem + 1), whole_digits == 7 ? "" : "*"));
  }
  return patterns;
}

constexpr char kBridgeTable[] = R"(
table bridge $table {
  comment $mark
  set own_addresses { type ifname . ether_addr . ipv4_addr; }
  set peer_taps { type ifname . ifname; }
$ipv6_chains  chain from_guest {
    ether type arp iifname . ether saddr . arp saddr ip @own_addresses iifname . arp saddr ether . arp saddr ip @own_addresses accept
    ether type ip iifname . ether saddr . ip saddr @own_addresses accept
$to_ipv6    drop
  }
  chain to_guest {
    iifname . oifname @peer_taps accept
    drop
  }
  chain prerouting {
    type filter hook prerouting priority filter; policy accept;
$from_taps  }
  chain forward {
    type filter hook forward priority filter; policy accept;
$between_taps  }
}
)";

// Neighbours are asked and answer, each for its own two addresses and with its own
// MAC, which may stand in the one place where nft can see it: 24 bytes of header and
// address, and eight of one option. No guest is a router, and nobody has to be told
// of groups. Fragments of such messages mean nothing to a host (RFC 6980); of others
// the later ones have no type to look at.
constexpr char kIpv6Chains[] = R"(  set own_addresses6 { type ifname . ether_addr . ipv6_addr; }
  set neighbour_addresses { typeof iifname . @th,64,128; }
  set neighbour_cards { typeof iifname . @th,192,64; }
  chain neighbour_option {
    ip6 length 24 accept
    ip6 length 32 iifname . @th,192,64 @neighbour_cards accept
    drop
  }
  chain from_guest6 {
    iifname . ether saddr . ip6 saddr != @own_addresses6 drop
    meta l4proto != icmpv6 accept
    icmpv6 type { destination-unreachable, packet-too-big, time-exceeded, parameter-problem, echo-request, echo-reply } accept
    ip6 nexthdr icmpv6 icmpv6 type nd-neighbor-solicit goto neighbour_option
    ip6 nexthdr icmpv6 icmpv6 type nd-neighbor-advert iifname . @th,64,128 @neighbour_addresses goto neighbour_option
    frag frag-off != 0 accept
    drop
  }
)";

// Everything that comes from the bridge and is not accepted is refused aloud, so
// that guests do not wait for timeouts. Packets that belong to no connection
// would leave without their address changed. What most packets are comes first, as
// each rule before it costs a hundredth of the rate.
constexpr char kInetTable[] = R"(
table inet $table {
  comment $mark
  set closed { type nf_proto; }
$sets  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname != $bridge accept
    ct state established,related accept
$to_host    goto refuse
  }
$from_guest  chain to_guest {
    ct state established,related accept
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
$to_ipv6    iifname $bridge goto from_guest
    oifname $bridge goto to_guest
    meta nfproto @closed drop
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
$masquerade  }
}
)";

constexpr char kSets[] = R"(  set peers$6 { type $type . $type; }
  set open$6 { type $type . ifname; }
  set networks$6 { type $type . $type; flags interval; }
  set opened$6 { type $type . $type; flags timeout; }
  set named$6 { type $type . $type; }
  set uplinks$6 { type ifname; }
)";

constexpr char kFromGuest[] = R"(  chain from_guest$6 {
$neighbours    $ip daddr { $forbidden } goto refuse
    ct state invalid drop
    $ip saddr . oifname @open$6 accept
    oifname $bridge $ip saddr . $ip daddr @peers$6 accept
    oifname != @uplinks$6 goto refuse
    $ip saddr . $ip daddr @networks$6 accept
    $ip saddr . $ip daddr @opened$6 accept
    ct state established $ip saddr . $ip daddr @named$6 accept
    goto refuse
  }
)";

constexpr char kMasquerade[] = "    $ip saddr $network oifname @uplinks$6 masquerade\n";

constexpr char kToHost[] = R"(    ip daddr $gateway udp dport 53 accept
    ip daddr $gateway tcp dport 53 accept
    ip daddr $gateway icmp type echo-request accept
)";
// Names are asked for by IPv4.
constexpr char kToHost6[] = R"(    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept
    ip6 daddr $gateway icmpv6 type echo-request accept
)";

// Between peers, where the kernel shows us what the bridge forwards (br_netfilter):
// with the hop limit that these have to have, and that nothing routed has any more.
constexpr char kNeighbours6[] =
    "    oifname $bridge ip6 hoplimit 255 icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept\n";

std::string Joined(const std::vector<Prefix>& networks) {
  return absl::StrJoin(networks, ", ",
                       [](std::string* out, const Prefix& network) { out->append(network.ToString()); });
}

// The text for each family that guests have.
std::string ForFamilies(const FirewallTarget& target, absl::string_view ipv4, absl::string_view ipv6) {
  std::string text;
  for (const Family family : target.subnet.families()) {
    const bool is_ipv4 = family == Family::kIpv4;
    absl::StrAppend(&text,
                    absl::StrReplaceAll(
                        is_ipv4 ? ipv4 : ipv6,
                        {{"$6", is_ipv4 ? "" : "6"},
                         {"$type", is_ipv4 ? "ipv4_addr" : "ipv6_addr"},
                         {"$ip", is_ipv4 ? "ip" : "ip6"},
                         {"$neighbours", is_ipv4 ? "" : kNeighbours6},
                         {"$gateway", target.subnet.AddressOf(target.subnet.gateway(), family).ToString()},
                         {"$network", target.subnet.NetworkOf(family).ToString()},
                         {"$forbidden", Joined(ForbiddenNetworks(family))}}));
  }
  return text;
}

}  // namespace

std::string TablesText(const FirewallTarget& target) {
  const bool has_ipv6 = target.subnet.has_ipv6();
  std::string from_taps, between_taps;
  for (const std::string& pattern : TapPatterns(target.subnet)) {
    absl::StrAppend(&from_taps, "    iifname ", Quoted(pattern), " goto from_guest\n");
    absl::StrAppend(&between_taps, "    iifname ", Quoted(pattern), " goto to_guest\n");
  }
  const std::string bridge_table = absl::StrReplaceAll(
      kBridgeTable, {{"$ipv6_chains", has_ipv6 ? kIpv6Chains : ""},
                     {"$to_ipv6", has_ipv6 ? "    ether type ip6 goto from_guest6\n" : ""},
                     {"$from_taps", from_taps},
                     {"$between_taps", between_taps}});
  const std::string inet_table = absl::StrReplaceAll(
      kInetTable, {{"$sets", ForFamilies(target, kSets, kSets)},
                   {"$to_host", ForFamilies(target, kToHost, kToHost6)},
                   {"$from_guest", ForFamilies(target, kFromGuest, kFromGuest)},
                   {"$to_ipv6", has_ipv6 ? "    iifname $bridge meta nfproto ipv6 goto from_guest6\n" : ""},
                   {"$masquerade", ForFamilies(target, kMasquerade, kMasquerade)}});
  return absl::StrReplaceAll(
      absl::StrCat(bridge_table, inet_table),
      {{"$table", TableName(target)}, {"$mark", Quoted(target.mark)}, {"$bridge", Quoted(target.bridge)}});
}

}  // namespace banger::netd
