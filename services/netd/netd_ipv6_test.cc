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
  EXPECT_EQ(Client().GetNetwork()->ipv6_gateway(), kGateway6);
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

TEST_F(NetdIpv6Test, LargePacketsPassInFragments) {
  Boot("vm", Nat());
  bool answered = false;
  Where("vm").Run([&] {
    answered = RunCommandOk({.argv = {"ping", "-6", "-c1", "-W2", "-s", "4000", kWeb6}}).ok();
  });
  EXPECT_TRUE(answered);
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
