// [network] ipv6: what of a guest's neighbour discovery gets past its tap.
#include "services/netd/testing/icmpv6_frame.h"
#include "services/netd/testing/world_fixture.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;

constexpr Family kIpv6 = Family::kIpv6;

class NetdNeighboursTest : public WorldFixture {
 protected:
  bool has_ipv6() const override { return true; }

  bool Reaches6(const std::string& from, const std::string& to) {
    return Reaches(from, to, Protocol::kTcp, kIpv6);
  }
};

// What a guest could say to its neighbours, and whether they hear it.
class Frames {
 public:
  struct Frame {
    std::string what;
    std::string bytes;
    bool passes = false;
  };

  std::vector<Frame> All() const {
    using namespace std::string_literals;
    const std::string flags(4, '\0');
    const std::string own_option = MacOption(2, own_mac_);
    std::vector<Frame> frames = {
        {"own advertisement", Advert(own_, own_, own_option), true},
        {"of its link-local address", Advert(link_local_, link_local_, own_option), true},
        {"without a MAC", Advert(own_, own_, ""), true},
        {"for another guest's address", Advert(own_, victim_, own_option)},
        {"for the gateway's address", Advert(own_, gateway_, own_option)},
        {"for the gateway's link-local address", Advert(own_, router_, own_option)},
        {"for another's link-local address",
         Advert(own_, Mac::ForAddress(kVictim).LinkLocalAddress(), own_option)},
        {"with another's MAC", Advert(own_, own_, MacOption(2, victim_mac_))},
        {"with the sender's option", Advert(own_, own_, MacOption(1, victim_mac_))},
        {"with a second option", Advert(own_, own_, own_option + MacOption(2, victim_mac_))},
        {"with an option of no length", Advert(own_, own_, "\2\0"s + own_mac_)},
        {"from another's address", Advert(victim_, victim_, own_option)},
        {"from the gateway", Advert(gateway_, gateway_, own_option)},
        {"question", Solicit(own_, victim_, MacOption(1, own_mac_)), true},
        {"question with another's MAC", Solicit(own_, victim_, MacOption(1, victim_mac_))},
        {"question from another", Solicit(victim_, gateway_, MacOption(1, own_mac_))},
        {"whether another's address is taken", Solicit(IpAddress(IpAddress::Bytes{}), victim_, "")},
        {"router",
         Packet(link_local_, Icmpv6Message(Icmpv6::kRouterAdvert, "\x40\0\x07\x08\0\0\0\0\0\0\0\0"s))},
        {"redirect",
         Packet(router_, Icmpv6Message(Icmpv6::kRedirect, flags + BytesOf(own_) + BytesOf(victim_)))},
        {"redirect of its own",
         Packet(link_local_, Icmpv6Message(Icmpv6::kRedirect, flags + BytesOf(own_) + BytesOf(victim_)))},
        {"groups", Packet(link_local_, Icmpv6Message(Icmpv6::kMldQuery, flags + std::string(16, '\0')))},
    };
    const std::string forged = Advert(own_, gateway_, own_option);
    frames.push_back({"behind a header of options", Behind('\0', forged)});
    frames.push_back({"behind one for the destination", Behind('\x3c', forged)});
    frames.push_back({"in a fragment", Behind('\x2c', forged)});
    std::string tagged = forged;
    tagged.insert(12, "\x81\x00\x00\x05"s);
    frames.push_back({"in a VLAN", tagged});
    std::string other_card = Advert(own_, own_, own_option);
    other_card.replace(6, 6, victim_mac_);
    frames.push_back({"from another card", other_card});
    // Each can be told from all others on the wire.
    for (std::size_t i = 0; i < frames.size(); ++i) Mark(frames[i].bytes, i);
    return frames;
  }

  // A question for another guest, to the host's card, so that it is routed there.
  std::string Routed(std::size_t index) const {
    std::string frame = Icmpv6Frame({.from_mac = own_mac_,
                                     .to_mac = BytesOf(Mac::ForAddress(kGatewayBits)),
                                     .from = own_,
                                     .to = victim_,
                                     .message = Solicitation(victim_, MacOption(1, own_mac_))});
    Mark(frame, index);
    return frame;
  }

  // Version and flow label of IPv6.
  static std::string Marker(std::size_t index) {
    return std::string("\x86\xdd\x60\x0a\xbc") + static_cast<char>(index);
  }

 private:
  static constexpr Ipv4 kOwn{0xac1e0002}, kVictim{0xac1e0003}, kGatewayBits{0xac1e0001};

  static void Mark(std::string& frame, std::size_t index) {
    const std::string header = "\x86\xdd\x60";
    frame.replace(frame.find(header), Marker(index).size(), Marker(index));
  }
  static IpAddress AddressOf(Ipv4 guest) {
    return Subnet::Create(kGatewayBits, 24)->WithIpv6(*Prefix::Parse(kPrefix6))->AddressOf(guest, kIpv6);
  }
  std::string Packet(const IpAddress& from, const std::string& message) const {
    const IpAddress all = *IpAddress::Parse("ff02::1");
    return Icmpv6Frame(
        {.from_mac = own_mac_, .to_mac = MacOfGroup(all), .from = from, .to = all, .message = message});
  }
  // Unasked, and to override what is known.
  std::string Advert(const IpAddress& from, const IpAddress& target, const std::string& option) const {
    const std::string flags("\x20\0\0\0", 4);
    return Packet(from, Icmpv6Message(Icmpv6::kNeighbourAdvert, flags + BytesOf(target) + option));
  }
  static std::string Solicitation(const IpAddress& target, const std::string& option) {
    const std::string reserved(4, '\0');
    return Icmpv6Message(Icmpv6::kNeighbourSolicit, reserved + BytesOf(target) + option);
  }
  std::string Solicit(const IpAddress& from, const IpAddress& target, const std::string& option) const {
    return Packet(from, Solicitation(target, option));
  }
  // With an extension header of eight bytes that says: ICMPv6 comes next.
  static std::string Behind(char header, std::string frame) {
    frame[14 + 6] = header;
    frame[14 + 5] = static_cast<char>(frame[14 + 5] + 8);
    const char rest[] = {'\x3a', '\0', header == '\x2c' ? '\0' : '\1', header == '\x2c' ? '\0' : '\4', 0, 0,
                         0,      0};
    frame.insert(14 + 40, std::string(rest, sizeof rest));
    return frame;
  }

  const std::string own_mac_ = BytesOf(Mac::ForAddress(kOwn));
  const std::string victim_mac_ = BytesOf(Mac::ForAddress(kVictim));
  const IpAddress own_ = AddressOf(kOwn);
  const IpAddress victim_ = AddressOf(kVictim);
  const IpAddress gateway_ = AddressOf(kGatewayBits);
  const IpAddress link_local_ = Mac::ForAddress(kOwn).LinkLocalAddress();
  const IpAddress router_ = *IpAddress::Parse("fe80::1");
};

TEST_F(NetdNeighboursTest, NeighboursHearOnlyWhatIsTrueOfTheSender) {
  v1::EndpointPolicy friendly;
  friendly.add_peer_ids("victim");
  const GuestMachine& liar = Boot("liar", friendly);
  Boot("victim");
  ASSERT_TRUE(Reaches6("victim", "liar"));
  const std::vector<Frames::Frame> frames = Frames().All();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    const Sniffer on_host(*host_, "br-banger");
    const Sniffer on_peer(Where("victim"), "eth0");
    ASSERT_OK(liar.Inject(frames[i].bytes));
    EXPECT_EQ(on_host.Saw(Frames::Marker(i)), frames[i].passes) << frames[i].what;
    EXPECT_EQ(on_peer.Saw(Frames::Marker(i)), frames[i].passes) << frames[i].what;
  }
  // Nobody has been led astray.
  EXPECT_TRUE(Pings(Where("victim"), kGateway6));
  Where("victim").Run(
      [] { EXPECT_THAT(Ip(absl::StrCat("-6 neigh show ", kGateway6)), HasSubstr("52:b4:ac:1e:00:01")); });
  EXPECT_THAT(Ip("-6 route show default"), HasSubstr("via 2001:db8:51::1 dev up0"));
}

TEST_F(NetdNeighboursTest, NeighbourDiscoveryIsRoutedToNoOtherGuest) {
  const GuestMachine& liar = Boot("liar");
  Boot("victim");
  Boot("nat", Nat());  // for which the host routes
  ASSERT_TRUE(Reaches6("host", "victim"));
  const Sniffer at_victim(Where("victim"), "eth0");
  ASSERT_OK(liar.Inject(Frames().Routed(1)));
  EXPECT_FALSE(at_victim.Saw(Frames::Marker(1)));
  // What is in its way is that they are no peers.
  v1::EndpointPolicy friendly;
  friendly.add_peer_ids("victim");
  ASSERT_OK(Client().SetPolicy("liar", friendly));
  ASSERT_OK(liar.Inject(Frames().Routed(2)));
  EXPECT_TRUE(at_victim.Saw(Frames::Marker(2)));
}

}  // namespace
}  // namespace banger::netd
