#include "services/netd/adapters/nft_text.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/netd/adapters/nft_tables.h"

namespace banger::netd {
namespace {

// The same address or network of a guest in the rules of one family.
class InFamily {
 public:
  InFamily(const Subnet& subnet, Family family) : subnet_(subnet), family_(family) {}

  // Of a set or chain that each family has.
  std::string Name(const std::string& name) const { return name + (family_ == Family::kIpv4 ? "" : "6"); }
  std::string Address(Ipv4 guest) const { return subnet_.AddressOf(guest, family_).ToString(); }
  std::string Peers(const std::pair<Ipv4, Ipv4>& peers) const {
    return absl::StrCat(Address(peers.first), " . ", Address(peers.second));
  }
  template <typename Destination>  // an address or a network
  std::string Way(const std::pair<Ipv4, Destination>& way) const {
    return absl::StrCat(Address(way.first), " . ", way.second.ToString());
  }
  // What the guest may send from; of IPv6 also its link-local address.
  std::string Own(Ipv4 guest) const {
    const Mac mac = Mac::ForAddress(guest);
    const std::string card = absl::StrCat(Quoted(TapName(guest)), " . ", mac.ToString(), " . ");
    const std::string own = card + Address(guest);
    if (family_ == Family::kIpv4) return own;
    return absl::StrCat(own, ", ", card, mac.LinkLocalAddress().ToString());
  }

 private:
  const Subnet& subnet_;
  const Family family_;
};

std::string PeerTaps(const std::pair<Ipv4, Ipv4>& peers) {
  return absl::StrCat(Quoted(TapName(peers.first)), " . ", Quoted(TapName(peers.second)));
}

// nft has no name for these fields of neighbour discovery: they are plain numbers.
template <typename Bytes>
std::string Number(const Bytes& bytes) {
  return absl::StrCat("0x", absl::BytesToHexString(std::string(bytes.begin(), bytes.end())));
}
std::string NeighbourAddresses(const Subnet& subnet, Ipv4 guest) {
  const std::string tap = Quoted(TapName(guest));
  return absl::StrCat(tap, " . ", Number(subnet.AddressOf(guest, Family::kIpv6).bytes()), ", ", tap, " . ",
                      Number(Mac::ForAddress(guest).LinkLocalAddress().bytes()));
}
// The option with its kind (1: sender's, 2: target's), its length in eight bytes, the MAC.
std::string NeighbourCards(Ipv4 guest) {
  std::vector<std::uint8_t> option = {1, 1};
  const std::array<std::uint8_t, 6> mac = Mac::ForAddress(guest).bytes();
  option.insert(option.end(), mac.begin(), mac.end());
  const std::string tap = Quoted(TapName(guest));
  const std::string of_sender = Number(option);
  option[0] = 2;
  return absl::StrCat(tap, " . ", of_sender, ", ", tap, " . ", Number(option));
}

std::string Protocol(Family family) { return family == Family::kIpv4 ? "ipv4" : "ipv6"; }

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
void ChangeOpen(SetWriter& writer, const InFamily& in, Family family, const Rules& from, const Rules& to) {
  const auto change = [&](const absl::btree_set<Ipv4>& before, const absl::btree_set<Ipv4>& after,
                          const std::set<std::string>& uplinks) {
    for (const std::string& uplink : uplinks)
      writer.Change("inet", in.Name("open"), before, after,
                    [&](Ipv4 guest) { return absl::StrCat(in.Address(guest), " . ", Quoted(uplink)); });
  };
  const std::set<std::string>& uplinks = to.uplinks[family];
  if (from.uplinks[family] == uplinks) return change(from.open, to.open, uplinks);
  change(from.open, {}, from.uplinks[family]);
  change({}, to.open, uplinks);
}

// An element has its end from when it is added. What may have ended by itself is
// added before it is deleted, as a deletion of nothing is an error.
void ChangeOpened(SetWriter& writer, const InFamily& in, const OpenedAddresses& from,
                  const OpenedAddresses& to, SteadyTime now) {
  std::vector<OpenedAddresses::value_type> gone, added;
  std::set<std::pair<Ipv4, IpAddress>> known, known_before;
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
  const auto way = [&in](const auto& entry) { return in.Way(entry.first); };
  const auto way_until = [&](const auto& entry) {
    const auto left = std::chrono::ceil<std::chrono::seconds>(entry.second - now).count();
    return absl::StrCat(in.Way(entry.first), " timeout ", left, "s");
  };
  writer.Write("add", "inet", in.Name("opened"), gone, way);
  writer.Write("delete", "inet", in.Name("opened"), gone, way);
  writer.Write("add", "inet", in.Name("opened"), added, way_until);
  writer.Change("inet", in.Name("named"), known_before, known,
                [&in](const auto& pair) { return in.Way(pair); });
}

// Those of a family only.
absl::btree_set<std::pair<Ipv4, Prefix>> NetworksOf(const Rules& rules, Family family) {
  absl::btree_set<std::pair<Ipv4, Prefix>> networks;
  for (const auto& entry : rules.networks)
    if (entry.second.family() == family) networks.insert(networks.end(), entry);
  return networks;
}
OpenedAddresses OpenedOf(const Rules& rules, Family family) {
  OpenedAddresses opened;
  for (const auto& entry : rules.opened)
    if (entry.first.second.family() == family) opened.insert(opened.end(), entry);
  return opened;
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
  writer.Change("bridge", "peer_taps", from.peers, to.peers, PeerTaps);
  writer.Change("inet", "closed", from.closed, to.closed, Protocol);
  for (const Family family : target.subnet.families()) {
    const InFamily in(target.subnet, family);
    const auto own = [&in](Ipv4 guest) { return in.Own(guest); };
    const auto peers = [&in](const auto& pair) { return in.Peers(pair); };
    const auto way = [&in](const auto& entry) { return in.Way(entry); };
    writer.Change("bridge", in.Name("own_addresses"), from.guests, to.guests, own);
    writer.Change("inet", in.Name("peers"), from.peers, to.peers, peers);
    ChangeOpen(writer, in, family, from, to);
    writer.Change("inet", in.Name("networks"), NetworksOf(from, family), NetworksOf(to, family), way);
    writer.Change("inet", in.Name("uplinks"), from.uplinks[family], to.uplinks[family], Quoted);
    ChangeOpened(writer, in, OpenedOf(from, family), OpenedOf(to, family), now);
  }
  if (!target.subnet.has_ipv6()) return text;
  const auto addresses = [&](Ipv4 guest) { return NeighbourAddresses(target.subnet, guest); };
  writer.Change("bridge", "neighbour_addresses", from.guests, to.guests, addresses);
  writer.Change("bridge", "neighbour_cards", from.guests, to.guests, NeighbourCards);
  return text;
}

}  // namespace banger::netd
