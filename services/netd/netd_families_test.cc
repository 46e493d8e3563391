// What netd keeps up for each family alike: the way out, whatever others do to
// routes and rules, and while it is dead.
#include "services/netd/testing/world_fixture.h"

namespace banger::netd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class NetdFamiliesTest : public WorldFixture, public ::testing::WithParamInterface<Family> {
 protected:
  static bool is_ipv6() { return GetParam() == Family::kIpv6; }
  bool has_ipv6() const override { return is_ipv6(); }

  // One of the host's two uplinks: who routes there, and the host's address.
  struct Uplink {
    std::string router;
    std::string own;
  };
  static Uplink first() {
    return is_ipv6() ? Uplink{"2001:db8:51::1", "2001:db8:51::2"} : Uplink{"198.51.100.1", "198.51.100.2"};
  }
  static Uplink second() {
    return is_ipv6() ? Uplink{"2001:db8:52::1", "2001:db8:52::2"} : Uplink{"198.51.101.1", "198.51.101.2"};
  }
  static void Route(const std::string& what) { Ip(absl::StrCat(is_ipv6() ? "-6" : "-4", " route ", what)); }
  // nft's name of the family.
  static std::string table() { return is_ipv6() ? "ip6 filter" : "ip filter"; }

  bool Gets(const std::string& from, const std::string& to) {
    return Reaches(from, to, Protocol::kTcp, GetParam());
  }
  // Whom the web sees when the guest asks it.
  absl::StatusOr<std::string> SeenAs(const std::string& guest) {
    return WhoAmI(Where(guest), AddressOf("web", GetParam()), kPort);
  }
};

TEST_P(NetdFamiliesTest, FollowsTheDefaultRoute) {
  Boot("vm", Nat());
  EXPECT_THAT(SeenAs("vm"), IsOkAndHolds(first().own));
  Route("replace default via " + second().router);
  EXPECT_TRUE(Eventually([&] {
    const auto seen = SeenAs("vm");
    return seen.ok() && *seen == second().own;
  }));
  ASSERT_OK_AND_ASSIGN(const v1::Network network, Client().GetNetwork());
  EXPECT_THAT(is_ipv6() ? network.ipv6_uplinks() : network.uplinks(), ElementsAre("up1"));
  EXPECT_THAT(is_ipv6() ? network.ipv6_forwarding() : network.forwarding(),
              UnorderedElementsAre("br-banger", "up1"));
  Route("del default");
  EXPECT_TRUE(Eventually([&] { return !Gets("vm", "web"); }));
  if (is_ipv6()) {  // the other family's is where it was
    EXPECT_THAT(network.uplinks(), ElementsAre("up0"));
    EXPECT_TRUE(Reaches("vm", "web"));
  }
  Route("add default via " + first().router);
  EXPECT_TRUE(Eventually([&] { return Gets("vm", "web"); }));
}

TEST_P(NetdFamiliesTest, RulesThatAnotherToolFlushesComeBack) {
  Boot("vm", Nat());
  Boot("other");
  for (const char* flush :
       {"flush ruleset", "flush table inet banger-br-banger", "delete table bridge banger-br-banger"}) {
    Nft(flush);
    EXPECT_TRUE(Eventually([&] { return Gets("vm", "web") && !Gets("vm", "other"); })) << flush;
    EXPECT_FALSE(Gets("other", "web")) << flush;
  }
}

TEST_P(NetdFamiliesTest, GetsAlongWithDockerAndFirewalld) {
  Nft("add table " + table());
  Nft(absl::StrCat("add chain ", table(), " FORWARD { type filter hook forward priority 0; policy drop; }"));
  Nft(absl::StrCat("add chain ", table(), " DOCKER-USER"));
  Nft(absl::StrCat("add rule ", table(), " FORWARD jump DOCKER-USER"));
  Nft("add table inet firewalld");
  Nft("add chain inet firewalld filter_INPUT { type filter hook input priority 10; policy accept; }");
  Nft("add rule inet firewalld filter_INPUT iifname != lo ct state new reject");
  before_ = HostNetwork();
  Boot("vm", Nat());
  EXPECT_TRUE(Gets("vm", "web"));
  EXPECT_TRUE(Reaches("vm", "dns"));
  EXPECT_FALSE(Gets("vm", "host"));
  EXPECT_THAT(Nft(absl::StrCat("list chain ", table(), " DOCKER-USER")), HasSubstr("banger:br-banger:"));
  // They come later, or are loaded anew.
  Nft(absl::StrCat("flush chain ", table(), " DOCKER-USER"));
  EXPECT_TRUE(Eventually([&] { return Gets("vm", "web"); }));
  ExpectHostAsBefore();
}

TEST_P(NetdFamiliesTest, GetsAlongWithFirewallsThatDropWhatTheyDoNotKnow) {
  Nft("add table " + table());
  for (const char* hook : {"forward", "input"})
    Nft(absl::StrCat("add chain ", table(), " ", hook, " { type filter hook ", hook,
                     " priority 0; policy drop; }"));
  Nft(absl::StrCat("add rule ", table(), " input ct state established accept"));
  if (is_ipv6())
    Nft("add rule ip6 filter input iifname != br-banger icmpv6 type { nd-neighbor-solicit, "
        "nd-neighbor-advert } accept");
  before_ = HostNetwork();
  Boot("vm", Nat());
  EXPECT_TRUE(Gets("vm", "web"));
  EXPECT_TRUE(Pings(Where("vm"), AddressOf("host", GetParam())));
  EXPECT_FALSE(Gets("vm", "host"));
  ExpectHostAsBefore();
}

TEST_P(NetdFamiliesTest, RulesHoldWhileNetdIsDeadAndAreAdopted) {
  Boot("vm", Nat());
  Boot("other");
  End(SIGKILL);
  EXPECT_TRUE(Gets("vm", "web"));
  EXPECT_FALSE(Gets("vm", "other"));
  Start();
  EXPECT_TRUE(Gets("vm", "web"));
  EXPECT_FALSE(Gets("vm", "other"));
  ExpectHostAsBefore();
}

INSTANTIATE_TEST_SUITE_P(, NetdFamiliesTest, ::testing::Values(Family::kIpv4, Family::kIpv6),
                         [](const auto& family) { return family.param == Family::kIpv4 ? "Ipv4" : "Ipv6"; });

}  // namespace
}  // namespace banger::netd
