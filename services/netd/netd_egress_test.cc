// What guests reach whose policies list names, and what of it their resolver
// tells anybody.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "services/netd/testing/name_server.h"
#include "services/netd/testing/world_fixture.h"

namespace banger::netd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kNameServer[] = "192.0.2.53";
constexpr int kNameServerPort = 5353;
constexpr char kCdn[] = "192.0.2.12";

v1::EndpointPolicy Named(const std::vector<std::string>& domains) {
  v1::EndpointPolicy policy = Listed({});
  for (const std::string& domain : domains) policy.mutable_egress()->add_domains(domain);
  return policy;
}

const NameServer::Records& World() {
  static const NameServer::Records world = {
      {"web.test. A", "web.test. 60 IN A 192.0.2.10"},
      {"web.test. AAAA", "web.test. 60 IN AAAA 2001:db8::10"},
      {"below.web.test. A", "below.web.test. 60 IN A 192.0.2.11"},
      {"brief.test. A", "brief.test. 1 IN A 192.0.2.10"},
      {"intranet.test. A", "intranet.test. 60 IN A 10.99.0.5"},
      {"alias.test. A", "alias.test. 300 IN CNAME Edge.cdn.example.\nedge.cdn.example. 60 IN A 192.0.2.12"},
      {"edge.cdn.example. A", "edge.cdn.example. 60 IN A 192.0.2.12"},
      {"both.test. A", "both.test. 60 IN A 192.0.2.10"},
      {"both.test. AAAA", "both.test. 60 IN AAAA 2001:db8:2::10"},
      {"loopback.evil. AAAA", "loopback.evil. 60 IN AAAA ::1"},
      {"gateway.evil. AAAA", "gateway.evil. 60 IN AAAA fd00:1:2::ac1e:1"},
      {"neighbour.evil. AAAA",
       "neighbour.evil. 60 IN AAAA 2001:db8:2::10\nneighbour.evil. 60 IN AAAA fd00:1:2::ac1e:3"},
      {"mapped.evil. AAAA", "mapped.evil. 60 IN AAAA ::ffff:172.30.0.3"},
      {"translated.evil. AAAA", "translated.evil. 60 IN AAAA 64:ff9b::169.254.169.254"},
      {"metadata.evil. AAAA", "metadata.evil. 60 IN AAAA fd00:ec2::254"},
      {"loopback.evil. A", "loopback.evil. 60 IN A 127.0.0.1"},
      {"gateway.evil. A", "gateway.evil. 60 IN A 172.30.0.1"},
      {"neighbour.evil. A", "neighbour.evil. 60 IN A 192.0.2.10\nneighbour.evil. 60 IN A 172.30.0.3"},
      {"metadata.evil. A", "metadata.evil. 60 IN A 169.254.169.254"},
      {"uplink.evil. A", "uplink.evil. 60 IN A 198.51.100.2"},
      {"container.evil. A", "container.evil. 60 IN A 10.50.0.2"},
  };
  return world;
}

class NetdEgressTest : public WorldFixture {
 protected:
  void PrepareHost() override {
    ports_on_host_ = {kPort};
    WorldFixture::PrepareHost();
    for (const char* address : {kNameServer, "192.0.2.11", kCdn})
      internet_->Ip(absl::StrCat("addr add ", address, "/32 dev lo"));
    names_.emplace(*internet_, dns::SocketAddress(*Ipv4::Parse(kNameServer), kNameServerPort), World());
  }
  std::string Config() override {
    return absl::StrCat("[network]\nupstream_dns = [\"", kNameServer, ":", kNameServerPort, "\"]\n");
  }

  // What dig prints, asked in a guest.
  std::string Dig(const std::string& guest, std::vector<std::string> arguments) {
    std::vector<std::string> argv = {"dig", absl::StrCat("@", kGateway), "+tries=1", "+time=5"};
    argv.insert(argv.end(), arguments.begin(), arguments.end());
    std::string out;
    Where(guest).Run([&] {
      const absl::StatusOr<CommandResult> result = RunCommand({.argv = argv});
      out = result.ok() ? result->out : result.status().ToString();
    });
    return out;
  }
  std::string Address(const std::string& guest, const std::string& name) {
    return Dig(guest, {"+short", name});
  }
  bool IsRefused(const std::string& guest, const std::vector<std::string>& question) {
    const std::string out = Dig(guest, question);
    EXPECT_THAT(out, HasSubstr("ANSWER: 0")) << absl::StrJoin(question, " ");
    return absl::StrContains(out, "status: REFUSED");
  }
  bool ReachesAddress(const std::string& guest, const std::string& address, int port = kPort,
                      Protocol protocol = Protocol::kTcp) {
    return WhoAmI(Where(guest), address, port, protocol).ok();
  }

  std::optional<NameServer> names_;
};

TEST_F(NetdEgressTest, AListedNameIsReachedOnceItIsResolvedAndNothingElseIs) {
  Boot("vm", Named({"web.test"}));
  EXPECT_FALSE(Reaches("vm", "web"));
  EXPECT_EQ(Address("vm", "WEB.test"), "192.0.2.10\n");
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp})
    EXPECT_TRUE(Reaches("vm", "web", protocol));
  EXPECT_TRUE(Pings(Where("vm"), kWeb));
  // Its neighbours in the address space, a name below, another name.
  EXPECT_FALSE(ReachesAddress("vm", "192.0.2.11"));
  EXPECT_TRUE(IsRefused("vm", {"below.web.test"}));
  EXPECT_TRUE(IsRefused("vm", {"intranet.test"}));
  EXPECT_FALSE(Reaches("vm", "intranet"));
  // What one guest has resolved opens nothing to another.
  Boot("other", Named({"web.test"}));
  EXPECT_FALSE(Reaches("other", "web"));
  EXPECT_THAT(names_->asked(), ElementsAre("web.test. A"));
}

TEST_F(NetdEgressTest, NothingIsTunnelledPastThePolicy) {
  v1::EndpointPolicy none = Nat();
  none.mutable_egress()->set_mode(egress::v1::Egress::MODE_NONE);
  Boot("plain");
  Boot("none", none);
  Boot("networks", Listed({"10.0.0.0/8"}));
  Boot("named", Named({"web.test", "*.deep.test"}));
  int asked = 0;
  for (const char* guest : {"plain", "none", "networks", "named"}) {
    // Data in labels, by types that carry answers back.
    for (const char* type : {"A", "AAAA", "TXT", "NULL", "CNAME", "MX", "SRV", "HTTPS", "TYPE65280"})
      EXPECT_TRUE(IsRefused(guest, {absl::StrCat("data", ++asked, ".tunnel.example"), type})) << type;
    EXPECT_TRUE(IsRefused(guest, {"+tcp", absl::StrCat("data", ++asked, ".tunnel.example"), "TXT"}));
    EXPECT_TRUE(IsRefused(guest, {"-x", "192.0.2.10"}));
    EXPECT_TRUE(IsRefused(guest, {".", "NS"}));
    EXPECT_TRUE(IsRefused(guest, {"web.test", "CH", "TXT"}));
    // Names that only look listed.
    for (const char* name : {"data.web.test", "web.test.tunnel.example", "deep.test", "xdeep.test"})
      EXPECT_TRUE(IsRefused(guest, {name})) << name;
    // No other resolver either.
    EXPECT_FALSE(ReachesAddress(guest, kNameServer, kNameServerPort, Protocol::kUdp));
    EXPECT_FALSE(ReachesAddress(guest, kWeb, kDnsPort, Protocol::kUdp));
    EXPECT_FALSE(ReachesAddress(guest, kWeb, kDnsPort, Protocol::kTcp));
  }
  EXPECT_THAT(names_->asked(), IsEmpty());
}

TEST_F(NetdEgressTest, AStarStandsForAllBelowAndADomainForItself) {
  Boot("vm", Named({"*.web.test"}));
  EXPECT_EQ(Address("vm", "below.web.test"), "192.0.2.11\n");
  EXPECT_TRUE(ReachesAddress("vm", "192.0.2.11"));
  EXPECT_TRUE(IsRefused("vm", {"web.test"}));
  ASSERT_OK(Client().SetPolicy("vm", Named({"*.web.test", "web.test"})));
  EXPECT_EQ(Address("vm", "web.test"), "192.0.2.10\n");
  EXPECT_TRUE(Reaches("vm", "web"));
}

TEST_F(NetdEgressTest, AliasesAreFollowedToTheirEnd) {
  Boot("vm", Named({"alias.test"}));
  EXPECT_TRUE(IsRefused("vm", {"edge.cdn.example"}));
  EXPECT_THAT(Address("vm", "alias.test"), HasSubstr("192.0.2.12\n"));
  EXPECT_TRUE(ReachesAddress("vm", kCdn));
  // A resolver in the guest may ask for the target alone; for nothing beside it.
  EXPECT_EQ(Address("vm", "edge.cdn.example"), "192.0.2.12\n");
  EXPECT_TRUE(IsRefused("vm", {"data.edge.cdn.example"}));
  EXPECT_TRUE(IsRefused("vm", {"cdn.example"}));
}

TEST_F(NetdEgressTest, ANameThatHasEndedIsClosedToNewConnectionsAndOldOnesGoOn) {
  Boot("vm", Named({"brief.test"}));
  EXPECT_EQ(Address("vm", "brief.test"), "192.0.2.10\n");
  const Conversation conversation(Where("vm"), kWeb, kPort);
  // One second, and half a minute of grace.
  EXPECT_TRUE(Reaches("vm", "web"));
  EXPECT_TRUE(Eventually(
      [&] {
        EXPECT_TRUE(conversation.GoesOn());
        return !Reaches("vm", "web");
      },
      std::chrono::seconds(60)));
  EXPECT_TRUE(conversation.GoesOn());
  EXPECT_EQ(Address("vm", "brief.test"), "192.0.2.10\n");
  EXPECT_TRUE(Reaches("vm", "web"));
}

TEST_F(NetdEgressTest, Ipv6AddressesOfAListedNameAreToldAndOpenNothing) {
  Boot("vm", Named({"web.test"}));
  EXPECT_EQ(Dig("vm", {"+short", "web.test", "AAAA"}), "2001:db8::10\n");
  EXPECT_FALSE(Reaches("vm", "web"));
  EXPECT_TRUE(IsRefused("vm", {"intranet.test", "AAAA"}));
}

TEST_F(NetdEgressTest, ANewPolicyCutsWhatTheOldOneOpened) {
  Boot("vm", Named({"web.test"}));
  EXPECT_EQ(Address("vm", "web.test"), "192.0.2.10\n");
  const Conversation conversation(Where("vm"), kWeb, kPort);
  EXPECT_TRUE(conversation.GoesOn());
  ASSERT_OK(Client().SetPolicy("vm", Named({"web.test", "alias.test"})));
  EXPECT_FALSE(conversation.GoesOn());
  EXPECT_FALSE(Reaches("vm", "web"));
  EXPECT_EQ(Address("vm", "web.test"), "192.0.2.10\n");
  EXPECT_TRUE(Reaches("vm", "web"));
  ASSERT_OK(Client().SetPolicy("vm", Named({"alias.test"})));
  EXPECT_TRUE(IsRefused("vm", {"web.test"}));
  EXPECT_FALSE(Reaches("vm", "web"));
  ASSERT_OK(Client().SetPolicy("vm", Nat()));
  EXPECT_TRUE(Reaches("vm", "web"));
}

TEST_F(NetdEgressTest, WhatIsOpenStaysOpenOverRestartsAndFlushes) {
  Boot("vm", Named({"web.test", "brief.test"}));
  EXPECT_EQ(Address("vm", "web.test"), "192.0.2.10\n");
  const Conversation conversation(Where("vm"), kWeb, kPort);
  const auto goes_on = [&] { return conversation.GoesOn() && Reaches("vm", "web"); };
  End(SIGKILL);
  EXPECT_TRUE(goes_on());
  Start();
  EXPECT_TRUE(goes_on());
  EXPECT_FALSE(ReachesAddress("vm", "192.0.2.11"));
  EXPECT_EQ(End(SIGTERM).code, 0);
  Start();
  EXPECT_TRUE(goes_on());
  Nft("flush ruleset");
  EXPECT_TRUE(Eventually([&] { return !ReachesAddress("vm", "192.0.2.11"); }));
  EXPECT_TRUE(goes_on());
  // To its end, as before.
  EXPECT_THAT(Nft("list set inet banger-br-banger opened"), HasSubstr("172.30.0.2 . 192.0.2.10 timeout"));
}

TEST_F(NetdEgressTest, ALyingNameServerOpensNeitherHostNorNeighbours) {
  Boot("vm", Named({"*.evil"}));
  Boot("victim");
  for (const char* name : {"loopback", "gateway", "neighbour", "metadata"}) {
    const std::string out = Dig("vm", {absl::StrCat(name, ".evil")});
    EXPECT_THAT(out, AllOf(HasSubstr("status: REFUSED"), HasSubstr("EDE: 15"))) << name;
  }
  // These are ordinary private addresses for all that a resolver knows.
  EXPECT_EQ(Address("vm", "uplink.evil"), "198.51.100.2\n");
  EXPECT_EQ(Address("vm", "container.evil"), "10.50.0.2\n");
  for (const char* to : {"host", "uplink", "victim", "metadata", "container", "web"})
    for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp})
      EXPECT_FALSE(Reaches("vm", to, protocol)) << to;
}

class NetdEgressIpv6Test : public NetdEgressTest {
 protected:
  bool has_ipv6() const override { return true; }
  std::string Config() override {
    return absl::StrCat(NetdEgressTest::Config(), "ipv6 = true\nipv6_prefix = \"", kPrefix6, "\"\n");
  }
};

TEST_F(NetdEgressIpv6Test, AListedNameOpensItsAddressesOfBothFamilies) {
  Boot("vm", Named({"both.test"}));
  EXPECT_FALSE(ReachesAddress("vm", kWeb6));
  EXPECT_EQ(Dig("vm", {"+short", "both.test", "AAAA"}), "2001:db8:2::10\n");
  for (const Protocol protocol : {Protocol::kTcp, Protocol::kUdp})
    EXPECT_TRUE(ReachesAddress("vm", kWeb6, kPort, protocol));
  EXPECT_FALSE(ReachesAddress("vm", kWeb));
  EXPECT_EQ(Address("vm", "both.test"), "192.0.2.10\n");
  EXPECT_TRUE(ReachesAddress("vm", kWeb));
  EXPECT_FALSE(ReachesAddress("vm", kIntranet6));
  // What is open stays so over a flush and a killed netd.
  Nft("flush ruleset");
  EXPECT_TRUE(Eventually([&] { return !ReachesAddress("vm", kIntranet6); }));
  EXPECT_TRUE(ReachesAddress("vm", kWeb6));
  End(SIGKILL);
  Start();
  EXPECT_TRUE(ReachesAddress("vm", kWeb6));
  ASSERT_OK(Client().SetPolicy("vm", Named({"web.test"})));
  EXPECT_FALSE(ReachesAddress("vm", kWeb6));
}

TEST_F(NetdEgressIpv6Test, ALyingNameServerOpensNeitherHostNorNeighbours) {
  Boot("vm", Named({"*.evil"}));
  Boot("other");
  for (const char* name : {"loopback", "gateway", "neighbour", "mapped", "translated", "metadata"})
    EXPECT_TRUE(IsRefused("vm", {absl::StrCat(name, ".evil"), "AAAA"})) << name;
  for (const char* to : {"gateway", "other"})
    EXPECT_FALSE(
        ReachesAddress("vm", std::string(to) == "other" ? AddressOf("other", Family::kIpv6) : kGateway6));
  EXPECT_FALSE(ReachesAddress("vm", kMetadata6));
}

}  // namespace
}  // namespace banger::netd
