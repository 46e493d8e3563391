// What the network makes of policies: rules, forwarding, names.
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/netd/core/network.h"
#include "services/netd/testing/fake_host.h"

namespace banger::netd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

constexpr uid_t kAlice = 1000;
constexpr uid_t kBob = 1001;

class NetworkRulesTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart(); }
  void Restart() {
    Reconciliation done;
    ASSERT_OK_AND_ASSIGN(network_, Network::Start("br0", *Subnet::Create(*Ipv4::Parse("172.30.0.1"), 24),
                                                  world_.AsHost(), &done));
  }
  Ipv4 Attach(const std::string& id, const Policy& policy = {}) {
    EXPECT_OK(network_->Create(kAlice, id));
    EXPECT_OK(network_->SetPolicy(kAlice, id, policy));
    const auto endpoint = network_->Attach(kAlice, id);
    EXPECT_OK(endpoint);
    return endpoint.ok() ? endpoint->address : Ipv4();
  }

  FakeHost world_;
  std::unique_ptr<Network> network_;
};

TEST_F(NetworkRulesTest, RulesComeBeforeTheTapAndGoAfterIt) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  world_.firewall.faults.FailFrom(0);
  EXPECT_THAT(network_->Attach(kAlice, "a"), Not(IsOk()));
  EXPECT_THAT(world_.links.taps, IsEmpty());
  world_.firewall.faults.Stop();
  const Ipv4 address = Attach("a");
  EXPECT_THAT(world_.firewall.applied->guests, ElementsAre(address));
  world_.links.faults.FailFrom(0);
  EXPECT_THAT(network_->Detach(kAlice, "a"), Not(IsOk()));
  EXPECT_THAT(world_.firewall.applied->guests, ElementsAre(address));
  world_.links.faults.Stop();
  ASSERT_OK(network_->Delete(kAlice, "a"));
  EXPECT_FALSE(world_.firewall.applied.has_value());
}

TEST_F(NetworkRulesTest, ForwardingIsOnForThoseWhoNeedItAndRecorded) {
  Attach("plain");
  EXPECT_THAT(world_.router.forwarding, IsEmpty());
  Attach("nat", {.nat = true});
  EXPECT_THAT(world_.router.forwarding, UnorderedElementsAre("br0", "eth0"));
  EXPECT_THAT(world_.ledger.records.forwarding, UnorderedElementsAre("br0", "eth0"));
  world_.router.uplinks = {"wlan0"};
  ASSERT_OK(network_->Refresh());
  EXPECT_THAT(world_.router.forwarding, UnorderedElementsAre("br0", "wlan0"));
  Restart();  // and it still knows what it has switched on
  ASSERT_OK(network_->SetPolicy(kAlice, "nat", {}));
  EXPECT_THAT(world_.router.forwarding, IsEmpty());
  EXPECT_THAT(world_.ledger.records.forwarding, IsEmpty());
}

TEST_F(NetworkRulesTest, WhatForwardedBeforeGoesOnForwarding) {
  world_.router.forwarding = {"eth0"};
  Attach("nat", {.nat = true});
  EXPECT_THAT(world_.ledger.records.forwarding, ElementsAre("br0"));
  ASSERT_OK(network_->Delete(kAlice, "nat"));
  EXPECT_THAT(world_.router.forwarding, ElementsAre("eth0"));
}

TEST_F(NetworkRulesTest, AHostMadeARouterMeanwhileStaysOne) {
  Attach("nat", {.nat = true});
  world_.router.everywhere = true;
  ASSERT_OK(network_->Delete(kAlice, "nat"));
  EXPECT_THAT(world_.router.forwarding, UnorderedElementsAre("br0", "eth0"));
  EXPECT_THAT(world_.ledger.records.forwarding, IsEmpty());
}

TEST_F(NetworkRulesTest, RepairsWhatOthersChanged) {
  Attach("a");
  EXPECT_THAT(network_->Refresh(), IsOkAndHolds(false));
  world_.firewall.applied.reset();
  EXPECT_THAT(network_->Refresh(), IsOkAndHolds(true));
  EXPECT_TRUE(world_.firewall.applied.has_value());
}

TEST_F(NetworkRulesTest, PoliciesBelongToTheirOwner) {
  Attach("a");
  EXPECT_EQ(ErrorReason(network_->SetPolicy(kBob, "a", {.nat = true}).status()), "ENDPOINT_OF_ANOTHER_USER");
  EXPECT_EQ(ErrorReason(network_->SetPolicy(kAlice, "b", {}).status()), "ENDPOINT_NOT_FOUND");
  EXPECT_FALSE(world_.firewall.applied->forwards);
}

TEST_F(NetworkRulesTest, NamesAreOpenedByTheirAnswers) {
  const Ipv4 web = *Ipv4::Parse("192.0.2.10");
  const Egress named = {.mode = Egress::Mode::kListed, .domains = {"example.com"}};
  const Ipv4 guest = Attach("named", {.nat = true, .egress = named});
  const Ipv4 plain = Attach("plain");
  const Ipv4 free = Attach("free", {.nat = true});
  EXPECT_TRUE(network_->MayResolve(guest, "example.com"));
  EXPECT_FALSE(network_->MayResolve(guest, "tunnel.example.net"));
  EXPECT_FALSE(network_->MayResolve(plain, "example.com"));
  EXPECT_TRUE(network_->MayResolve(free, "example.com"));
  EXPECT_FALSE(network_->MayResolve(*Ipv4::Parse("172.30.0.99"), "example.com"));

  ASSERT_OK(network_->NoteAnswer(guest, "example.com", {web}, 60s));
  ASSERT_OK(network_->NoteAnswer(guest, "example.net", {*Ipv4::Parse("192.0.2.11")}, 60s));
  EXPECT_EQ(world_.firewall.applied->opened.size(), 1u);
  EXPECT_EQ(world_.firewall.applied->opened.begin()->first, std::pair(guest, web));
  // Another policy forgets what the former one has opened.
  const Egress other = {.mode = Egress::Mode::kListed, .domains = {"example.org"}};
  ASSERT_OK(network_->SetPolicy(kAlice, "named", {.nat = true, .egress = other}));
  EXPECT_THAT(world_.firewall.applied->opened, IsEmpty());
}

}  // namespace
}  // namespace banger::netd
