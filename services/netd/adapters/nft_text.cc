#include "services/netd/adapters/nft_text.h"

#include <algorithm>
#include <set>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"

namespace banger::netd {
namespace {

std::string Quoted(const std::string& text) { return absl::StrCat("\"", text, "\""); }

std::string OwnAddress(Ipv4 guest) {
  return absl::StrCat(Quoted(TapName(guest)), " . ", Mac::ForAddress(guest).ToString(), " . ",
                      guest.ToString());
}
std::string PeerTaps(const std::pair<Ipv4, Ipv4>& peers) {
  return absl::StrCat(Quoted(TapName(peers.first)), " . ", Quoted(TapName(peers.second)));
}
std::string Peers(const std::pair<Ipv4, Ipv4>& peers) {
  return absl::StrCat(peers.first.ToString(), " . ", peers.second.ToString());
}
std::string Network(const std::pair<Ipv4, Prefix>& entry) {
  return absl::StrCat(entry.first.ToString(), " . ", entry.second.ToString());
}

std::string Opened(const OpenedAddresses::value_type& entry, SteadyTime now) {
  const auto left = std::chrono::ceil<std::chrono::seconds>(entry.second - now).count();
  return absl::StrCat(Peers(entry.first), " timeout ", left, "s");
}

// Writes the "add element" and "delete element" lines of one set.
class SetWriter {
 public:
  SetWriter(const FirewallTarget& target, std::string& out) : table_(TableName(target)), out_(out) {}

  template <typename Set, typename Format>
  void Change(const std::string& family, const std::string& set, const Set& from, const Set& to,
              Format format) {
    using Value = typename Set::value_type;
    std::vector<Value> gone, added;
    std::set_difference(from.begin(), from.end(), to.begin(), to.end(), std::back_inserter(gone));
    std::set_difference(to.begin(), to.end(), from.begin(), from.end(), std::back_inserter(added));
    Write("delete", family, set, gone, format);
    Write("add", family, set, added, format);
  }

  template <typename Values, typename Format>
  void Write(const std::string& verb, const std::string& family, const std::string& set, const Values& values,
             Format format) {
    if (values.empty()) return;
    absl::StrAppend(
        &out_, verb, " element ", family, " ", table_, " ", set, " { ",
        absl::StrJoin(values, ", ", [&](std::string* out, const auto& value) { out->append(format(value)); }),
        " }\n");
  }

 private:
  const std::string table_;
  std::string& out_;
};

// Guests that may go everywhere, by each uplink.
void ChangeOpen(SetWriter& writer, const Rules& from, const Rules& to) {
  const auto change = [&](const absl::btree_set<Ipv4>& before, const absl::btree_set<Ipv4>& after,
                          const std::set<std::string>& uplinks) {
    for (const std::string& uplink : uplinks)
      writer.Change("inet", "open", before, after,
                    [&](Ipv4 guest) { return absl::StrCat(guest.ToString(), " . ", Quoted(uplink)); });
  };
  if (from.uplinks == to.uplinks) return change(from.open, to.open, to.uplinks);
  change(from.open, {}, from.uplinks);
  change({}, to.open, to.uplinks);
}

// An element has its end from when it is added. What may have ended by itself is
// added before it is deleted, as a deletion of nothing is an error.
void ChangeOpened(SetWriter& writer, const OpenedAddresses& from, const OpenedAddresses& to, SteadyTime now) {
  std::vector<OpenedAddresses::value_type> gone, added;
  std::set<std::pair<Ipv4, Ipv4>> known, known_before;
  for (const auto& entry : from) {
    known_before.insert(entry.first);
    const auto kept = to.find(entry.first);
    if (kept == to.end() || kept->second != entry.second) gone.push_back(entry);
  }
  for (const auto& entry : to) {
    known.insert(entry.first);
    const auto had = from.find(entry.first);
    const bool is_new = had == from.end() || had->second != entry.second;
    if (is_new && entry.second > now) added.push_back(entry);
  }
  const auto address = [](const auto& entry) { return Peers(entry.first); };
  writer.Write("add", "inet", "opened", gone, address);
  writer.Write("delete", "inet", "opened", gone, address);
  writer.Write("add", "inet", "opened", added, [now](const auto& entry) { return Opened(entry, now); });
  writer.Change("inet", "named", known_before, known, Peers);
}

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
  chain from_guest {
    ether type arp iifname . ether saddr . arp saddr ip @own_addresses iifname . arp saddr ether . arp saddr ip @own_addresses accept
    ether type ip iifname . ether saddr . ip saddr @own_addresses accept
    drop
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

// Everything that comes from the bridge and is not accepted is refused aloud, so
// that guests do not wait for timeouts. Packets that belong to no connection
// would leave without their address changed. What most packets are comes first, as
// each rule before it costs a hundredth of the rate.
constexpr char kInetTable[] = R"(
table inet $table {
  comment $mark
  set peers { type ipv4_addr . ipv4_addr; }
  set open { type ipv4_addr . ifname; }
  set networks { type ipv4_addr . ipv4_addr; flags interval; }
  set opened { type ipv4_addr . ipv4_addr; flags timeout; }
  set named { type ipv4_addr . ipv4_addr; }
  set uplinks { type ifname; }
  chain refuse {
    meta l4proto tcp reject with tcp reset
    reject with icmpx admin-prohibited
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname != $bridge accept
    ct state established,related accept
    ip daddr $gateway udp dport 53 accept
    ip daddr $gateway tcp dport 53 accept
    ip daddr $gateway icmp type echo-request accept
    goto refuse
  }
  chain from_guest {
    ip daddr 169.254.0.0/16 goto refuse
    ct state invalid drop
    ip saddr . oifname @open accept
    oifname $bridge ip saddr . ip daddr @peers accept
    oifname != @uplinks goto refuse
    ip saddr . ip daddr @networks accept
    ip saddr . ip daddr @opened accept
    ct state established ip saddr . ip daddr @named accept
    goto refuse
  }
  chain to_guest {
    ct state established,related accept
    drop
  }
  chain forward {
    type filter hook forward priority filter; policy accept;
    iifname $bridge goto from_guest
    oifname $bridge goto to_guest
  }
  chain postrouting {
    type nat hook postrouting priority srcnat; policy accept;
    ip saddr $subnet oifname @uplinks masquerade
  }
}
)";

std::string TablesText(const FirewallTarget& target) {
  std::string from_taps, between_taps;
  for (const std::string& pattern : TapPatterns(target.subnet)) {
    absl::StrAppend(&from_taps, "    iifname ", Quoted(pattern), " goto from_guest\n");
    absl::StrAppend(&between_taps, "    iifname ", Quoted(pattern), " goto to_guest\n");
  }
  const Subnet& subnet = target.subnet;
  return absl::StrReplaceAll(
      absl::StrCat(kBridgeTable, kInetTable),
      {{"$table", TableName(target)},
       {"$mark", Quoted(target.mark)},
       {"$bridge", Quoted(target.bridge)},
       {"$gateway", subnet.gateway().ToString()},
       {"$subnet", absl::StrCat(subnet.network().ToString(), "/", subnet.prefix_length())},
       {"$from_taps", from_taps},
       {"$between_taps", between_taps}});
}

}  // namespace

// nft keeps comments of at most 127 bytes; a directory's end says more than its
// beginning.
std::string MarkOfRules(const std::string& bridge, const std::filesystem::path& directory) {
  constexpr std::size_t kMaxPath = 100;
  std::string path = directory.string();
  if (path.size() > kMaxPath) path = path.substr(path.size() - kMaxPath);
  return absl::StrCat("banger:", bridge, ":", path);
}

std::string TableName(const FirewallTarget& target) { return absl::StrCat("banger-", target.bridge); }

std::string RemoveText(const FirewallTarget& target) {
  std::string text;
  for (const char* family : {"bridge", "inet"})
    for (const char* verb : {"add", "delete"})
      absl::StrAppend(&text, verb, " table ", family, " ", TableName(target), "\n");
  return text;
}

std::string ReplaceText(const FirewallTarget& target, const Rules& rules, SteadyTime now) {
  return absl::StrCat(RemoveText(target), TablesText(target), ChangeText(target, Rules(), rules, now));
}

std::string ChangeText(const FirewallTarget& target, const Rules& from, const Rules& to, SteadyTime now) {
  std::string text;
  SetWriter writer(target, text);
  writer.Change("bridge", "own_addresses", from.guests, to.guests, OwnAddress);
  writer.Change("bridge", "peer_taps", from.peers, to.peers, PeerTaps);
  writer.Change("inet", "peers", from.peers, to.peers, Peers);
  ChangeOpen(writer, from, to);
  writer.Change("inet", "networks", from.networks, to.networks, Network);
  writer.Change("inet", "uplinks", from.uplinks, to.uplinks, Quoted);
  ChangeOpened(writer, from.opened, to.opened, now);
  return text;
}

}  // namespace banger::netd
