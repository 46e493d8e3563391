// Who reaches whom, on a host with guests, an uplink to an internet, a second
// uplink, and a network of another tool's.
#include "services/netd/testing/world_fixture.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class NetdIsolationTest : public WorldFixture {
 protected:
  static void SetForwarding(const std::string& interface, char value) {
    ASSERT_OK(SetSysctl(absl::StrCat("/proc/sys/net/ipv4/conf/", interface, "/forwarding"), value));
  }
};

// See BootFive.
constexpr char kMatrix[] = R"(
from       host  dns  uplink  plain  nat  some  none  friend  web  intranet  metadata  container
host       .     .    .       yes    yes  yes   yes   yes     yes  yes       .         yes
plain      no    yes  no      .      no   no    no    yes     no   no        no        no
nat        no    yes  no      no     .    no    no    no      yes  yes       no        no
some       no    yes  no      no     no   .     no    no      yes  no        no        no
none       no    yes  no      no     no   no    .     no      no   no        no        no
friend     no    yes  no      yes    no   no    no    .       no   no        no        no
internet   .     .    .       no     no   no    no    no      .    .         .         .
container  .     .    .       no     no   no    no    no      .    .         .         .
)";

TEST_F(NetdIsolationTest, EachReachesWhomItMayAndNobodyElse) {
  BootFive("192.0.2.0/24");
  EXPECT_GE(ExpectMatrix(kMatrix, Family::kIpv4), 60);
}

TEST_F(NetdIsolationTest, GuestsLeaveAsTheHostAndIsRefusedAloudOtherwise) {
  const GuestMachine& guest = Boot("vm", Nat());
  EXPECT_THAT(WhoAmI(guest.inside(), kWeb, kPort), IsOkAndHolds("198.51.100.2"));
  EXPECT_THAT(WhoAmI(guest.inside(), kWeb, kPort, Protocol::kUdp), IsOkAndHolds("198.51.100.2"));
  EXPECT_TRUE(Pings(guest.inside(), kWeb));
  const absl::Status refused = WhoAmI(guest.inside(), kContainer, kPort).status();
  EXPECT_FALSE(absl::IsDeadlineExceeded(refused)) << refused;
}

TEST_F(NetdIsolationTest, PoliciesChangeWhileTheGuestRuns) {
  Boot("vm");
  Boot("other");
  NetdClient client = Client();
  EXPECT_FALSE(Reaches("vm", "web"));
  ASSERT_OK(client.SetPolicy("vm", Nat()));
  EXPECT_TRUE(Reaches("vm", "web"));
  ASSERT_OK(client.SetPolicy("vm", Listed({"10.0.0.0/8", "10.99.0.0/16", "203.0.113.7"})));
  EXPECT_FALSE(Reaches("vm", "web"));
  EXPECT_TRUE(Reaches("vm", "intranet"));
  v1::EndpointPolicy friendly;
  friendly.add_peer_ids("other");
  ASSERT_OK(client.SetPolicy("vm", friendly));
  EXPECT_FALSE(Reaches("vm", "intranet"));
  EXPECT_TRUE(Reaches("vm", "other"));
  EXPECT_TRUE(Reaches("other", "vm"));
  ASSERT_OK(client.SetPolicy("vm", {}));
  EXPECT_FALSE(Reaches("vm", "other"));
  EXPECT_THAT(client.SetPolicy("vm", Listed({"10.0.0.1/8"})), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(NetdIsolationTest, APeerOfAnotherOwnerStaysClosed) {
  Boot("vm");
  v1::EndpointPolicy friendly;
  friendly.add_peer_ids("vm");
  NetdClient root = Client(0);
  ASSERT_OK(root.Create("roots"));
  ASSERT_OK(root.SetPolicy("roots", friendly));
  ASSERT_OK(root.Attach("roots"));
  EXPECT_THAT(Nft("list set inet banger-br-banger peers"), Not(HasSubstr("elements")));
}

TEST_F(NetdIsolationTest, SpoofedSendersGetNowhere) {
  const GuestMachine& liar = Boot("liar", Nat());
  const GuestMachine& victim = Boot("victim", Nat());
  liar.inside().Ip(absl::StrCat("addr add ", victim.address(), "/32 dev lo"));
  liar.inside().Ip("addr add 198.51.100.1/32 dev lo");
  for (const std::string& source : {victim.address(), std::string("198.51.100.1")})
    for (const std::string& to : {std::string(kWeb), std::string(kGateway)})
      EXPECT_THAT(WhoAmI(liar.inside(), to, kDnsPort, Protocol::kUdp, source), Not(IsOk())) << source << to;
  EXPECT_TRUE(Reaches("liar", "web"));
  // The host still knows the victim's own card.
  EXPECT_TRUE(Reaches("host", "victim"));
  EXPECT_THAT(Ip(absl::StrCat("neigh show ", victim.address())), HasSubstr("52:b4:ac:1e:00:03"));
}

std::string Bytes(const std::vector<int>& bytes) { return std::string(bytes.begin(), bytes.end()); }

TEST_F(NetdIsolationTest, OnlyOwnFramesOfArpAndIpv4PassTheBridge) {
  using namespace std::string_literals;
  const GuestMachine& liar = Boot("liar");
  Boot("victim");
  const std::string all = Bytes({255, 255, 255, 255, 255, 255});
  const std::string own = Bytes({0x52, 0xb4, 0xac, 0x1e, 0, 2});
  const std::string others = Bytes({0x52, 0xb4, 0xac, 0x1e, 0, 3});
  const std::string own_ip = Bytes({172, 30, 0, 2}), others_ip = Bytes({172, 30, 0, 3});
  const std::string gateway_ip = Bytes({172, 30, 0, 1});
  const auto arp = [&](const std::string& ether, const std::string& mac, const std::string& ip,
                       const std::string& marker) {
    return all + ether + "\x08\x06\x00\x01\x08\x00\x06\x04\x00\x02"s + mac + ip + all + gateway_ip + marker;
  };
  // Right in all but who sends it: nothing else may be why it is dropped.
  const auto ip = [&](const std::string& from, const std::string& marker) {
    std::string header = "\x45\x00\x00"s + static_cast<char>(20 + marker.size()) +
                         "\x00\x01\x00\x00\x40\xfd\x00\x00"s + from + gateway_ip;
    unsigned sum = 0;
    for (std::size_t i = 0; i < header.size(); i += 2)
      sum += static_cast<unsigned char>(header[i]) << 8 | static_cast<unsigned char>(header[i + 1]);
    while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
    header[10] = static_cast<char>(~sum >> 8);
    header[11] = static_cast<char>(~sum);
    return "\x08\x00"s + header + marker;
  };
  const struct {
    std::string marker;
    std::string frame;
    bool passes;
  } kFrames[] = {
      {"own-arp", arp(own, own, own_ip, "own-arp"), true},
      {"arp-of-anothers-ip", arp(own, own, others_ip, "arp-of-anothers-ip"), false},
      {"arp-of-the-gateway", arp(own, own, gateway_ip, "arp-of-the-gateway"), false},
      {"arp-of-anothers-mac", arp(own, others, own_ip, "arp-of-anothers-mac"), false},
      {"anothers-ether", arp(others, own, own_ip, "anothers-ether"), false},
      {"own-ip", all + own + ip(own_ip, "own-ip"), true},
      {"ip-of-another", all + own + ip(others_ip, "ip-of-another"), false},
      {"ip-with-anothers-mac", all + others + ip(own_ip, "ip-with-anothers-mac"), false},
      // With a VLAN tag in front the same packet is another protocol.
      {"vlan-of-another", all + own + "\x81\x00\x00\x05"s + ip(others_ip, "vlan-of-another"), false},
      // IPv6 to all nodes: what a router advertisement is.
      {"ipv6-router",
       Bytes({0x33, 0x33, 0, 0, 0, 1}) + own + "\x86\xdd\x60\x00\x00\x00\x00\x20\x3a\xff"s +
           std::string(32, '\xfe') + "\x86\x00"s + "ipv6-router",
       false},
      {"unknown-protocol", all + own + "\x88\xb5"s + std::string(40, 'x') + "unknown-protocol", false},
  };
  for (const auto& [marker, frame, passes] : kFrames) {
    const Sniffer on_host(*host_, "br-banger");
    const Sniffer on_victim(Where("victim"), "eth0");
    ASSERT_OK(liar.Inject(frame));
    EXPECT_EQ(on_host.Saw(marker), passes) << marker;
    EXPECT_FALSE(on_victim.Saw(marker)) << marker;
  }
}

TEST_F(NetdIsolationTest, TheHostForwardsOnlyWhileAGuestNeedsIt) {
  Boot("plain");
  EXPECT_THAT(Ip("-4 netconf show dev up0"), HasSubstr("forwarding off"));
  Boot("vm", Nat());
  EXPECT_THAT(Ip("-4 netconf show dev up0"), HasSubstr("forwarding on"));
  EXPECT_THAT(Ip("-4 netconf show dev other0"), HasSubstr("forwarding off"));
  ASSERT_OK(Client().SetPolicy("vm", {}));
  EXPECT_THAT(Ip("-4 netconf show dev up0"), HasSubstr("forwarding off"));
  ExpectHostAsBefore();
}

TEST_F(NetdIsolationTest, ForwardingIsPutRightAndLeftToWhoeverWantsItForAll) {
  Boot("vm", Nat());
  SetForwarding("up0", '0');
  Ip("route add 203.0.113.0/24 via 198.51.100.1");  // netd looks at the host again
  EXPECT_TRUE(Eventually([&] { return Reaches("vm", "web"); }));
  SetForwarding("all", '1');  // what Docker does
  ASSERT_OK(Client().Delete("vm"));
  EXPECT_THAT(Ip("-4 netconf show dev up0"), HasSubstr("forwarding on"));
}

}  // namespace
}  // namespace banger::netd
