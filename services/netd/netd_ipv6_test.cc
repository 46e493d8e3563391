// [network] ipv6: who reaches whom by IPv6, what of a guest's gets past its tap, and
// what the host is while and after guests need it.
#include "common/os/file.h"
#include "services/netd/testing/icmpv6_frame.h"
#include "services/netd/testing/world_fixture.h"

namespace banger::netd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr Family kIpv6 = Family::kIpv6;

constexpr char kAllForwarding[] = "/proc/sys/net/ipv6/conf/all/forwarding";

class NetdIpv6Test : public WorldFixture {
 protected:
  bool has_ipv6() const override { return true; }

  absl::StatusOr<std::string> AsksWeb(const std::string& guest, Protocol protocol = Protocol::kTcp) {
    return WhoAmI(Where(guest), kWeb6, kPort, protocol);
  }
  bool Reaches6(const std::string& from, const std::string& to) {
    return Reaches(from, to, Protocol::kTcp, kIpv6);
  }
  // Whether the host takes the network of a tool of its own to the world, as it should
  // not because of us.
  bool RoutesForOthers() {
    internet_->Ip("-6 route replace fd50::/64 via 2001:db8:51::2");
    const Sniffer at_container(*container_, "eth0");
    [[maybe_unused]] const auto answer = WhoAmI(*internet_, kContainer6, kPort, Protocol::kUdp);
    return at_container.Saw(BytesOf(*IpAddress::Parse("2001:db8:51::1")) +
                            BytesOf(*IpAddress::Parse(kContainer6)));
  }
  void ExpectHostAsBefore() {
    for (const auto& [id, guest] : guests_) ASSERT_OK(Client().Delete(id));
    guests_.clear();
    EXPECT_EQ(End(SIGTERM).code, 0);
    EXPECT_EQ(HostNetwork(), before_);
  }
};

// See BootFive. Names are asked for by IPv4.
constexpr char kMatrix[] = R"(
from       host  dns  uplink  plain  nat  some  none  friend  web  intranet  metadata  container
host       .     .    .       yes    yes  yes   yes   yes     yes  yes       .         yes
plain      no    no   no      .      no   no    no    yes     no   no        no        no
nat        no    no   no      no     .    no    no    no      yes  yes       no        no
some       no    no   no      no     no   .     no    no      yes  no        no        no
none       no    no   no      no     no   no    .     no      no   no        no        no
friend     no    no   no      yes    no   no    no    .       no   no        no        no
internet   .     .    .       no     no   no    no    no      .    .         .         .
container  .     .    .       no     no   no    no    no      .    .         .         .
)";

TEST_F(NetdIpv6Test, EachReachesWhomItMayAndNobodyElse) {
  BootFive("2001:db8:2::/48");
  EXPECT_GE(ExpectMatrix(kMatrix, kIpv6), 60);
}

TEST_F(NetdIpv6Test, GuestsLeaveAsTheHostAndAreRefusedAloudOtherwise) {
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint endpoint, Client().Create("vm"));
  EXPECT_EQ(endpoint.ipv6_address(), "fd00:1:2::ac1e:2");
  const GuestMachine& guest = Boot("vm", Nat());
  EXPECT_TRUE(Pings(guest.inside(), kGateway6));
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp})
    EXPECT_THAT(AsksWeb("vm", protocol), IsOkAndHolds("2001:db8:51::2"));
  EXPECT_TRUE(Pings(guest.inside(), kWeb6));
  EXPECT_THAT(WhoAmI(guest.inside(), kWeb, kPort), IsOkAndHolds("198.51.100.2"));
  const absl::Status refused = WhoAmI(guest.inside(), kContainer6, kPort).status();
  EXPECT_FALSE(absl::IsDeadlineExceeded(refused)) << refused;
  // The host's link-local address is there for neighbours, not for services.
  EXPECT_FALSE(WhoAmI(guest.inside(), "fe80::1%eth0", kPort).ok());
  EXPECT_FALSE(Pings(guest.inside(), "fe80::1%eth0"));
  EXPECT_FALSE(Pings(guest.inside(), "ff02::1%eth0"));
}

TEST_F(NetdIpv6Test, PoliciesListNetworksOfBothFamiliesAndChangeWhileTheGuestRuns) {
  Boot("vm");
  Boot("other");
  NetdClient client = Client();
  EXPECT_FALSE(Reaches6("vm", "web"));
  ASSERT_OK(client.SetPolicy("vm", Listed({"2001:db8:2::10", "10.0.0.0/8"})));
  EXPECT_TRUE(Reaches6("vm", "web"));
  EXPECT_FALSE(Reaches6("vm", "intranet"));
  EXPECT_TRUE(Reaches("vm", "intranet"));
  EXPECT_FALSE(Reaches("vm", "web"));
  ASSERT_OK(client.SetPolicy("vm", Nat()));
  EXPECT_TRUE(Reaches6("vm", "intranet"));
  v1::EndpointPolicy friendly;
  friendly.add_peer_ids("other");
  ASSERT_OK(client.SetPolicy("vm", friendly));
  EXPECT_FALSE(Reaches6("vm", "web"));
  EXPECT_TRUE(Reaches6("vm", "other"));
  EXPECT_TRUE(Reaches6("other", "vm"));
  ASSERT_OK(client.SetPolicy("vm", {}));
  EXPECT_FALSE(Reaches6("vm", "other"));
  EXPECT_THAT(client.SetPolicy("vm", Listed({"2001:db8::1/32"})),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("did you mean 2001:db8::/32?")));
}

TEST_F(NetdIpv6Test, SpoofedSendersGetNowhere) {
  const GuestMachine& liar = Boot("liar", Nat());
  Boot("victim", Nat());
  const std::string victim = AddressOf("victim", kIpv6);
  for (const std::string& source : {victim, std::string("2001:db8:51::1"), std::string("fd00:1:2::77"),
                                    std::string("fd00:1:2::ac1e:4")}) {
    liar.inside().Ip(absl::StrCat("addr add ", source, "/128 dev lo"));
    for (const char* to : {kWeb6, kGateway6})
      EXPECT_FALSE(WhoAmI(liar.inside(), to, kPort, Protocol::kUdp, source).ok()) << source << " " << to;
  }
  EXPECT_TRUE(Reaches6("liar", "web"));
  EXPECT_TRUE(Reaches6("host", "victim"));
  EXPECT_THAT(Ip(absl::StrCat("-6 neigh show ", victim)), HasSubstr("52:b4:ac:1e:00:03"));
}

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

TEST_F(NetdIpv6Test, NeighboursHearOnlyWhatIsTrueOfTheSender) {
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

TEST_F(NetdIpv6Test, NeighbourDiscoveryIsRoutedToNoOtherGuest) {
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

TEST_F(NetdIpv6Test, LargePacketsPassInFragments) {
  Boot("vm", Nat());
  bool answered = false;
  Where("vm").Run([&] {
    answered = RunCommandOk({.argv = {"ping", "-6", "-c1", "-W2", "-s", "4000", kWeb6}}).ok();
  });
  EXPECT_TRUE(answered);
}

TEST_F(NetdIpv6Test, FollowsTheDefaultRoute) {
  Boot("vm", Nat());
  EXPECT_THAT(AsksWeb("vm"), IsOkAndHolds("2001:db8:51::2"));
  Ip("-6 route replace default via 2001:db8:52::1");
  EXPECT_TRUE(Eventually([&] {
    const auto seen = AsksWeb("vm");
    return seen.ok() && *seen == "2001:db8:52::2";
  }));
  ASSERT_OK_AND_ASSIGN(const v1::Network network, Client().GetNetwork());
  EXPECT_THAT(network.uplinks(), ElementsAre("up0"));
  EXPECT_THAT(network.ipv6_uplinks(), ElementsAre("up1"));
  EXPECT_THAT(network.ipv6_forwarding(), UnorderedElementsAre("br-banger", "up1"));
  EXPECT_EQ(network.ipv6_gateway(), kGateway6);
  Ip("-6 route del default");
  EXPECT_TRUE(Eventually([&] { return !Reaches6("vm", "web"); }));
  EXPECT_TRUE(Reaches("vm", "web"));
  Ip("-6 route add default via 2001:db8:51::1");
  EXPECT_TRUE(Eventually([&] { return Reaches6("vm", "web"); }));
}

TEST_F(NetdIpv6Test, TheHostIsNobodyElsesRouterAndNoneAfterwards) {
  EXPECT_FALSE(RoutesForOthers());
  Boot("vm", Nat());
  EXPECT_TRUE(Reaches6("vm", "web"));
  EXPECT_FALSE(RoutesForOthers());
  ASSERT_OK(Client().SetPolicy("vm", {}));
  EXPECT_THAT(Client().GetNetwork()->ipv6_forwarding(), ElementsAre());
  ExpectHostAsBefore();
}

TEST_F(NetdIpv6Test, AHostThatRoutesForAllGoesOnAlsoWhenItBeginsLater) {
  Boot("vm", Nat());
  ASSERT_OK(SetSysctl(kAllForwarding, '1'));
  Ip("-6 route add 2001:db8:99::/64 via 2001:db8:51::1");  // netd looks at the host again
  EXPECT_TRUE(Eventually([&] { return RoutesForOthers(); }));
  EXPECT_TRUE(Reaches6("vm", "web"));
  EXPECT_FALSE(Reaches6("internet", "vm"));
  ASSERT_OK(Client().SetPolicy("vm", {}));
  EXPECT_TRUE(RoutesForOthers());
  EXPECT_TRUE(Client().GetHealth()->ipv6_forwards_everywhere());
}

TEST_F(NetdIpv6Test, ForwardingThatSomebodySwitchesOffComesBack) {
  Boot("vm", Nat());
  ASSERT_OK(SetSysctl(kAllForwarding, '0'));
  Ip("-6 route add 2001:db8:99::/64 via 2001:db8:51::1");
  EXPECT_TRUE(Eventually([&] { return Reaches6("vm", "web"); }));
}

TEST_F(NetdIpv6Test, RulesThatAnotherToolFlushesComeBack) {
  Boot("vm", Nat());
  Boot("other");
  for (const char* flush :
       {"flush ruleset", "flush table inet banger-br-banger", "delete table bridge banger-br-banger"}) {
    Nft(flush);
    EXPECT_TRUE(Eventually([&] { return Reaches6("vm", "web") && !Reaches6("vm", "other"); })) << flush;
    EXPECT_FALSE(Reaches6("other", "web")) << flush;
  }
}

TEST_F(NetdIpv6Test, GetsAlongWithFirewallsThatDropWhatTheyDoNotKnow) {
  Nft("add table ip6 filter");
  for (const char* hook : {"forward", "input"})
    Nft(absl::StrCat("add chain ip6 filter ", hook, " { type filter hook ", hook,
                     " priority 0; policy drop; }"));
  Nft("add rule ip6 filter input ct state established accept");
  Nft("add rule ip6 filter input iifname != br-banger icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert "
      "} accept");
  before_ = HostNetwork();
  Boot("vm", Nat());
  EXPECT_TRUE(Reaches6("vm", "web"));
  EXPECT_TRUE(Pings(Where("vm"), kGateway6));
  EXPECT_FALSE(Reaches6("vm", "host"));
  ExpectHostAsBefore();
}

TEST_F(NetdIpv6Test, RulesHoldWhileNetdIsDeadAndAreAdopted) {
  Boot("vm", Nat());
  Boot("other");
  End(SIGKILL);
  EXPECT_TRUE(Reaches6("vm", "web"));
  EXPECT_FALSE(Reaches6("vm", "other"));
  Start();
  EXPECT_TRUE(Reaches6("vm", "web"));
  EXPECT_FALSE(Reaches6("vm", "other"));
  ExpectHostAsBefore();
}

// A host that has IPv6, and guests that have none.
class NetdWithoutIpv6Test : public NetdIpv6Test {
 protected:
  std::string Config() override { return ""; }
};

TEST_F(NetdWithoutIpv6Test, NothingOfItIsThere) {
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint endpoint, Client().Create("vm"));
  EXPECT_EQ(endpoint.ipv6_address(), "");
  Boot("vm", Nat());
  // The policy may name what there is not.
  Boot("listed", Listed({"192.0.2.0/24", "2001:db8:2::/48"}));
  EXPECT_TRUE(Reaches("vm", "web"));
  EXPECT_TRUE(Reaches("listed", "web"));
  for (const char* guest : {"vm", "listed"}) {
    EXPECT_FALSE(Reaches6(guest, "web"));
    EXPECT_FALSE(Pings(Where(guest), kGateway6));
    EXPECT_FALSE(Pings(Where(guest), "ff02::1%eth0"));
  }
  EXPECT_THAT(Ip("addr show br-banger"), Not(HasSubstr("inet6")));
  EXPECT_THAT(Nft("list ruleset"), AllOf(Not(HasSubstr("ip6")), Not(HasSubstr("icmpv6")),
                                         Not(HasSubstr("6 {")), Not(HasSubstr("neighbour"))));
  ASSERT_OK_AND_ASSIGN(const v1::Network network, Client().GetNetwork());
  EXPECT_EQ(network.ipv6_gateway(), "");
  EXPECT_EQ(network.ipv6_prefix_length(), 0);
  EXPECT_EQ(network.ipv6_uplinks_size() + network.ipv6_forwarding_size(), 0);
  for (const char* option : {"forwarding", "force_forwarding"})
    EXPECT_THAT(ReadFile(absl::StrCat("/proc/sys/net/ipv6/conf/up0/", option)).value_or("0\n"), "0\n");
  ExpectHostAsBefore();
}

}  // namespace
}  // namespace banger::netd
