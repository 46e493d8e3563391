// What others do by hand to what netd has on the host, while it runs: it puts
// right what is its own, removes what it left and does not know, and leaves all
// else alone.
#include <functional>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/daemon_fixture.h"
#include "services/netd/testing/net_world.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kTap[] = "bgr-ac1e0002";

class NetdRepairTest : public DaemonFixture {
 protected:
  // Strangers beside us, also some that look like us.
  void PrepareHost() override {
    DisableIpv6();
    for (const char* link :
         {"link add br-other type bridge", "link set br-other alias banger:br-other:/elsewhere",
          "link set br-other up", "link add stranger type veth peer name peer",
          "link set stranger alias banger", "tuntap add bgr-0a000001 mode tap",
          "tuntap add bgr-ac1e0077 mode tap user 4242", "addr add 10.9.0.1/24 dev br-other",
          "route add 10.10.0.0/16 dev br-other", "link add up0 type veth peer name up1", "link set up1 up",
          "addr add 198.51.100.2/24 dev up0", "link set up0 up", "route add default via 198.51.100.1"})
      Ip(link);
    for (const char* rule :
         {"add table inet strangers { comment \"banger\"; chain c { type filter hook forward priority 0; }; "
          "}",
          "add table inet banger-br-other { comment \"banger:br-other:/elsewhere\"; chain c { accept; }; }",
          "add table bridge banger { chain c { drop; }; }"})
      Nft(rule);
  }
  std::vector<std::string> Flags() const override { return {"--reconcile-interval=100ms"}; }
  // Nothing comes and goes by itself while the host is looked at.
  std::string Config() override { return "[network]\ntap_pool_size = 0\n"; }

  v1::Endpoint Attach(const std::string& id, bool nat = false) {
    v1::EndpointPolicy policy;
    policy.set_nat(nat);
    EXPECT_OK(Client().Create(id));
    EXPECT_OK(Client().SetPolicy(id, policy));
    const auto endpoint = Client().Attach(id);
    EXPECT_OK(endpoint);
    return endpoint.value_or(v1::Endpoint());
  }

  static bool Exists(const std::string& link) {
    return std::filesystem::exists(absl::StrCat("/proc/sys/net/ipv4/conf/", link));
  }
  static std::string Bridge(const std::string& arguments) {
    const auto out = RunCommandOk({.argv = absl::StrSplit(absl::StrCat("bridge ", arguments), ' ')});
    EXPECT_OK(out);
    return out.value_or("");
  }
  // What must be so again.
  static std::string State() {
    const bool is_closed =
        absl::StrContains(Bridge("-d link show dev bgr-ac1e0002"), "learning off flood off");
    return absl::StrCat(HostNetwork(), is_closed ? "" : "the bridge learns from the tap");
  }
};

TEST_F(NetdRepairTest, WhatIsChangedByHandIsPutRight) {
  Attach("vm-1", true);
  const std::string right = State();
  const std::string tap = kTap;
  for (const std::string& change : std::vector<std::string>{
           "link set br-banger down", "addr del 172.30.0.1/24 dev br-banger", "link set " + tap + " nomaster",
           "link set " + tap + " down", "link set " + tap + " type bridge_slave learning on flood on"}) {
    Ip(change);
    ASSERT_TRUE(Eventually([&] { return State() == right; }))
        << change << " from " << right << " to " << State();
  }
  for (const char* interface : {"br-banger", "up0"}) {
    ASSERT_OK(SetSysctl(absl::StrCat("/proc/sys/net/ipv4/conf/", interface, "/forwarding"), '0'));
    ASSERT_TRUE(Eventually([&] { return State() == right; })) << interface;
  }
  // For a while a port of a stranger's bridge, which notices that.
  Ip("link set " + tap + " master br-other");
  EXPECT_TRUE(Eventually([&] { return absl::StrContains(Ip("link show " + tap), "master br-banger"); }));
}

TEST_F(NetdRepairTest, ABridgeThatIsDeletedIsMadeAnewWithItsTaps) {
  const v1::Endpoint endpoint = Attach("vm-1");
  ASSERT_OK_AND_ASSIGN(const GuestEnd guest, Client().Open(endpoint));
  EXPECT_OK(guest.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
  Ip("link del br-banger");
  EXPECT_TRUE(Eventually([&] { return Exists("br-banger"); }));
  EXPECT_OK(guest.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
}

TEST_F(NetdRepairTest, RulesThatAreDeletedAreCountedAndToldUntilTheyAreBack) {
  Attach("vm-1");
  ASSERT_OK_AND_ASSIGN(const v1::NetworkHealth before, Client().GetHealth());
  EXPECT_EQ(before.rules(), v1::NetworkHealth::RULES_IN_PLACE);
  EXPECT_TRUE(before.bridge_up());
  EXPECT_EQ(before.repair_count(), 0);
  Nft("delete table inet banger-br-banger");
  EXPECT_TRUE(Eventually([&] {
    const auto health = Client().GetHealth();
    return health.ok() && health->repair_count() == 1 && health->rules() == v1::NetworkHealth::RULES_IN_PLACE;
  }));
  EXPECT_TRUE(Client().GetHealth()->has_repair_time());
}

TEST_F(NetdRepairTest, ATapThatIsDeletedIsToldAndCanBeHadAgain) {
  Attach("vm-1");
  Attach("vm-2");
  Ip(absl::StrCat("link del ", kTap));
  EXPECT_TRUE(Eventually([&] { return Client().List()->at(0).tap().empty(); }));
  EXPECT_EQ(Client().List()->at(1).tap(), "bgr-ac1e0003");
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint again, Client().Attach("vm-1"));
  EXPECT_EQ(again.tap(), kTap);
  EXPECT_TRUE(Exists(kTap));
}

TEST_F(NetdRepairTest, WhatIsOursAndInNoLedgerGoesAndStrangersStay) {
  Attach("vm-1");
  Ip("tuntap add bgr-ac1e0063 mode tap user 4242");
  Ip(absl::StrCat("link set bgr-ac1e0063 alias banger:br-banger:", directory().string(), ":4242:ghost"));
  EXPECT_TRUE(Eventually([] { return !Exists("bgr-ac1e0063"); }));
  // Made while netd runs, with everything of ours but the mark, or with another's.
  Ip("tuntap add bgr-ac1e0064 mode tap user 4242");
  Ip("link set bgr-ac1e0064 master br-banger");
  Ip("tuntap add bgr-ac1e0065 mode tap user 4242");
  Ip("link set bgr-ac1e0065 alias banger:br-banger:/elsewhere:4242:vm-1");
  // The timer has come by when it has done this.
  Ip("link set br-banger down");
  EXPECT_TRUE(Eventually([this] { return Client().GetHealth()->bridge_up(); }));
  for (const char* link : {"bgr-ac1e0064", "bgr-ac1e0065"}) {
    EXPECT_TRUE(Exists(link));
    Ip(absl::StrCat("link del ", link));
  }
  ASSERT_EQ(End(SIGKILL).signal, SIGKILL);
  Start();
  ASSERT_OK(Client().Delete("vm-1"));
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before_);
}

TEST_F(NetdRepairTest, AStrangerWithATapsNameIsToldAndLeftAlone) {
  for (int i = 2; i < 0x77; ++i) ASSERT_OK(Client().Create(absl::StrCat("vm-", i)));
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint endpoint, Client().Create("unlucky"));
  ASSERT_EQ(endpoint.address(), "172.30.0.119");
  const absl::Status refused = Client().Attach("unlucky").status();
  EXPECT_EQ(ErrorReason(refused), "INTERFACE_NOT_OURS");
  EXPECT_THAT(std::string(refused.message()), HasSubstr("bgr-ac1e0077"));
  EXPECT_TRUE(Exists("bgr-ac1e0077"));
}

TEST_F(NetdRepairTest, ABridgeOfAnotherNameThatWasOursGoesWithAllItHad) {
  Nft("add table ip docker");
  Nft("add chain ip docker FORWARD { type filter hook forward priority 0; policy drop; }");
  const std::string before = HostNetwork();
  Attach("vm-1", true);
  ASSERT_EQ(End(SIGKILL).signal, SIGKILL);
  ASSERT_OK(WriteFileAtomically(root_.path() / "config.toml", Config() + "bridge = \"br-two\"\n"));
  Start();
  EXPECT_FALSE(Exists("br-banger"));
  EXPECT_FALSE(Exists(kTap));
  EXPECT_THAT(Nft("list ruleset"), Not(HasSubstr("banger:br-banger")));
  ASSERT_OK(Client().Attach("vm-1"));
  EXPECT_TRUE(Exists("br-two"));
  ASSERT_OK(Client().Delete("vm-1"));
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before);
}

TEST_F(NetdRepairTest, ABridgeOfAnotherNameStaysWhileAGuestUsesIt) {
  const v1::Endpoint endpoint = Attach("vm-1");
  ASSERT_OK_AND_ASSIGN(const GuestEnd guest, Client().Open(endpoint));
  EXPECT_OK(guest.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
  ASSERT_EQ(End(SIGKILL).signal, SIGKILL);
  ASSERT_OK(WriteFileAtomically(root_.path() / "config.toml", Config() + "bridge = \"br-two\"\n"));
  Start();
  EXPECT_OK(guest.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
  EXPECT_THAT(Nft("list ruleset"), HasSubstr("banger:br-banger"));
}

std::string Bytes(const std::vector<int>& bytes) { return std::string(bytes.begin(), bytes.end()); }

TEST_F(NetdRepairTest, NoGuestTakesOverAnothersMacNotEvenWithoutRules) {
  const v1::Endpoint liar = Attach("liar");
  const v1::Endpoint victim = Attach("victim");
  ASSERT_OK_AND_ASSIGN(const UniqueFd wire, Client().OpenDescriptor("liar"));
  ASSERT_OK_AND_ASSIGN(const GuestEnd victims, Client().Open(victim));
  EXPECT_OK(victims.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
  // Nobody puts the rules back for a while, so the bridge is on its own.
  ASSERT_OK(daemon_->Signal(SIGSTOP));
  Nft("delete table bridge banger-br-banger");
  const std::string frame = std::string(10, '\0') +  // the virtio header
                            Bytes({255, 255, 255, 255, 255, 255, 0x52, 0xb4, 0xac, 0x1e, 0, 3, 0x88, 0xb5}) +
                            std::string(46, 'x');
  const Sniffer sniffer(*Namespace::Current(), "br-banger");
  // The bridge passes nothing before it has noticed the tap's carrier.
  EXPECT_TRUE(Eventually([&] {
    EXPECT_OK(WriteFully(wire.get(), frame));
    return sniffer.Saw("xxxx");
  }));
  const std::string table = Bridge("fdb show br br-banger");
  EXPECT_THAT(table,
              HasSubstr(absl::StrCat(victim.mac(), " dev ", victim.tap(), " master br-banger static")));
  EXPECT_THAT(table, Not(HasSubstr(absl::StrCat(victim.mac(), " dev ", liar.tap()))));
  EXPECT_OK(victims.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
  ASSERT_OK(daemon_->Signal(SIGCONT));
}

}  // namespace
}  // namespace banger::netd
