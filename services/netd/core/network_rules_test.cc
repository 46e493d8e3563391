// What the network makes of policies: rules, forwarding, names.
#include <future>
#include <thread>

#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/netd/core/network.h"
#include "services/netd/testing/fake_host.h"

namespace banger::netd {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
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

  static Policy Named(const std::vector<std::string>& domains) {
    return {.nat = true, .egress = {.mode = Egress::Mode::kListed, .domains = domains}};
  }
  bool LetThrough(Ipv4 guest, const std::string& name, const std::vector<IpAddress>& addresses,
                  std::chrono::seconds ttl = 60s) {
    const auto sent =
        network_->LetThrough({{.guest = guest, .name = name, .addresses = addresses, .ttl = ttl}});
    EXPECT_OK(sent);
    return sent.ok() && (*sent)[0];
  }
  std::vector<std::pair<Ipv4, IpAddress>> Opened() const {
    std::vector<std::pair<Ipv4, IpAddress>> opened;
    if (world_.firewall.applied.has_value())
      for (const auto& [pair, until] : world_.firewall.applied->opened) opened.push_back(pair);
    return opened;
  }

  const IpAddress web_ = *Ipv4::Parse("192.0.2.10");
  const IpAddress other_ = *Ipv4::Parse("192.0.2.11");
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
  EXPECT_THAT(world_.router.forwarding.ipv4, IsEmpty());
  Attach("nat", {.nat = true});
  EXPECT_THAT(world_.router.forwarding.ipv4, UnorderedElementsAre("br0", "eth0"));
  EXPECT_THAT(world_.ledger.records.forwarding.ipv4, UnorderedElementsAre("br0", "eth0"));
  world_.router.uplinks.ipv4 = {"wlan0"};
  ASSERT_OK(network_->Refresh());
  EXPECT_THAT(world_.router.forwarding.ipv4, UnorderedElementsAre("br0", "wlan0"));
  Restart();  // and it still knows what it has switched on
  ASSERT_OK(network_->SetPolicy(kAlice, "nat", {}));
  EXPECT_THAT(world_.router.forwarding.ipv4, IsEmpty());
  EXPECT_THAT(world_.ledger.records.forwarding.ipv4, IsEmpty());
}

TEST_F(NetworkRulesTest, WhatForwardedBeforeGoesOnForwarding) {
  world_.router.forwarding.ipv4 = {"eth0"};
  Attach("nat", {.nat = true});
  EXPECT_THAT(world_.ledger.records.forwarding.ipv4, ElementsAre("br0"));
  ASSERT_OK(network_->Delete(kAlice, "nat"));
  EXPECT_THAT(world_.router.forwarding.ipv4, ElementsAre("eth0"));
}

TEST_F(NetworkRulesTest, TheBridgesForwardingIsOursAlsoAfterALostLedger) {
  Attach("nat", {.nat = true});
  world_.ledger.records.forwarding.ipv4.clear();
  Restart();
  EXPECT_THAT(world_.ledger.records.forwarding.ipv4, ElementsAre("br0"));
  ASSERT_OK(network_->Delete(kAlice, "nat"));
  EXPECT_THAT(world_.router.forwarding.ipv4, ElementsAre("eth0"));
}

TEST_F(NetworkRulesTest, AHostMadeARouterMeanwhileStaysOne) {
  Attach("nat", {.nat = true});
  world_.router.everywhere.ipv4 = true;
  ASSERT_OK(network_->Delete(kAlice, "nat"));
  EXPECT_THAT(world_.router.forwarding.ipv4, UnorderedElementsAre("br0", "eth0"));
  EXPECT_THAT(world_.ledger.records.forwarding.ipv4, IsEmpty());
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

TEST_F(NetworkRulesTest, NamesAreFreeListedOrRefused) {
  const Ipv4 listed = Attach("listed", Named({"example.com", "*.example.org"}));
  const Ipv4 plain = Attach("plain");
  const Ipv4 free = Attach("free", {.nat = true});
  const Ipv4 none = Attach("none", {.nat = true, .egress = {.mode = Egress::Mode::kNone}});
  EXPECT_EQ(network_->MayResolve(listed, "example.com"), NamePermission::kListed);
  EXPECT_EQ(network_->MayResolve(listed, "a.b.example.org"), NamePermission::kListed);
  for (const char* other : {"www.example.com", "example.org", "example.net", "badexample.org", "com", "."})
    EXPECT_EQ(network_->MayResolve(listed, other), NamePermission::kRefused) << other;
  EXPECT_EQ(network_->MayResolve(free, "example.net"), NamePermission::kFree);
  for (const Ipv4 guest : {plain, none, *Ipv4::Parse("172.30.0.99")})
    EXPECT_EQ(network_->MayResolve(guest, "example.com"), NamePermission::kRefused) << guest.ToString();
  ASSERT_OK(network_->Delete(kAlice, "listed"));
  EXPECT_EQ(network_->MayResolve(listed, "example.com"), NamePermission::kRefused);
}

TEST_F(NetworkRulesTest, NamesAreOpenedByTheirAnswers) {
  const Ipv4 guest = Attach("named", Named({"example.com"}));
  EXPECT_TRUE(LetThrough(guest, "example.com", {web_}));
  EXPECT_FALSE(LetThrough(guest, "example.net", {other_}));
  EXPECT_THAT(Opened(), ElementsAre(std::pair(guest, web_)));
  // Another policy forgets what the former one has opened.
  ASSERT_OK(network_->SetPolicy(kAlice, "named", Named({"example.org"})));
  EXPECT_THAT(Opened(), IsEmpty());
  EXPECT_FALSE(LetThrough(guest, "example.com", {web_}));
  EXPECT_THAT(Opened(), IsEmpty());
  EXPECT_TRUE(LetThrough(guest, "example.org", {web_}));
  ASSERT_OK(network_->Detach(kAlice, "named"));
  Attach("named", Named({"example.org"}));
  EXPECT_THAT(Opened(), IsEmpty());
}

TEST_F(NetworkRulesTest, NoNameLeadsToTheHostOrToOtherGuests) {
  const Ipv4 guest = Attach("named", Named({"example.com"}));
  for (const char* address : {"127.0.0.1", "0.0.0.0", "172.30.0.1", "172.30.0.3", "172.30.0.255",
                              "169.254.169.254", "224.0.0.1", "255.255.255.255"})
    EXPECT_FALSE(LetThrough(guest, "example.com", {web_, *Ipv4::Parse(address)})) << address;
  EXPECT_THAT(Opened(), IsEmpty());
}

TEST_F(NetworkRulesTest, WhatIsOpenLongEnoughChangesNoRule) {
  const Ipv4 guest = Attach("named", Named({"example.com"}));
  EXPECT_TRUE(LetThrough(guest, "example.com", {web_}));
  const OpenedAddresses before = world_.firewall.applied->opened;
  EXPECT_TRUE(LetThrough(guest, "example.com", {web_}));
  EXPECT_EQ(world_.firewall.applied->opened, before);
  EXPECT_TRUE(LetThrough(guest, "example.com", {web_}, 1h));
  EXPECT_NE(world_.firewall.applied->opened, before);
}

TEST_F(NetworkRulesTest, WhatCouldNotBeOpenedIsNotSentAndTriedAgain) {
  const Ipv4 guest = Attach("named", Named({"example.com"}));
  world_.firewall.faults.FailFrom(0);
  EXPECT_THAT(
      network_->LetThrough({{.guest = guest, .name = "example.com", .addresses = {web_}, .ttl = 60s}}),
      Not(IsOk()));
  world_.firewall.faults.Stop();
  EXPECT_TRUE(LetThrough(guest, "example.com", {web_}));
  EXPECT_THAT(Opened(), ElementsAre(std::pair(guest, web_)));
}

TEST_F(NetworkRulesTest, AThousandAddressesOfAGuestAreRemembered) {
  const Ipv4 guest = Attach("named", Named({"*.example.com"}));
  EXPECT_TRUE(LetThrough(guest, "first.example.com", {web_}, 1s));
  for (std::uint32_t i = 0; i < 1100; ++i)
    EXPECT_TRUE(LetThrough(guest, "more.example.com", {Ipv4(0x08000000 + i)}));
  EXPECT_EQ(Opened().size(), 1024u);
  EXPECT_THAT(Opened(), Not(Contains(std::pair(guest, web_))));
}

TEST_F(NetworkRulesTest, WhereAliasesLeadIsListedAsLongAsTheyLast) {
  const Ipv4 guest = Attach("named", Named({"example.com"}));
  EXPECT_EQ(network_->MayResolve(guest, "cdn.example.net"), NamePermission::kRefused);
  ASSERT_OK(network_->LetThrough({{.guest = guest,
                                   .name = "example.com",
                                   .aliases = {"cdn.example.net"},
                                   .addresses = {web_},
                                   .ttl = 60s}}));
  EXPECT_EQ(network_->MayResolve(guest, "cdn.example.net"), NamePermission::kListed);
  EXPECT_EQ(network_->MayResolve(guest, "x.cdn.example.net"), NamePermission::kRefused);
  EXPECT_TRUE(LetThrough(guest, "cdn.example.net", {other_}));
  // Another's change leaves them, one of its own policy does not.
  Attach("other");
  EXPECT_EQ(network_->MayResolve(guest, "cdn.example.net"), NamePermission::kListed);
  ASSERT_OK(network_->SetPolicy(kAlice, "named", Named({"example.com", "example.org"})));
  EXPECT_EQ(network_->MayResolve(guest, "cdn.example.net"), NamePermission::kRefused);
}

TEST_F(NetworkRulesTest, ARestartTakesUpWhatWasOpen) {
  const Ipv4 guest = Attach("named", Named({"example.com"}));
  EXPECT_TRUE(LetThrough(guest, "example.com", {web_}));
  Restart();
  EXPECT_THAT(Opened(), ElementsAre(std::pair(guest, web_)));
}

// A crash in between leaves nothing open that the new policy does not list.
TEST_F(NetworkRulesTest, WhatWasOpenIsClosedBeforeThePolicyChanges) {
  const Ipv4 guest = Attach("named", Named({"example.com"}));
  EXPECT_TRUE(LetThrough(guest, "example.com", {web_}));
  world_.ledger.faults.FailFrom(0);
  EXPECT_THAT(network_->SetPolicy(kAlice, "named", Named({"example.org"})), Not(IsOk()));
  world_.ledger.faults.Stop();
  EXPECT_THAT(Opened(), IsEmpty());
}

// It is asked on the only thread of DNS.
TEST_F(NetworkRulesTest, PermissionWaitsForNoFirewall) {
  const Ipv4 guest = Attach("named", Named({"example.com"}));
  std::promise<void> started, finish;
  bool first = true;
  world_.firewall.on_apply = [&](const Rules&) {
    if (!std::exchange(first, false)) return;
    started.set_value();
    finish.get_future().wait();
  };
  std::thread slow([this] { Attach("other"); });
  started.get_future().wait();
  EXPECT_EQ(network_->MayResolve(guest, "example.com"), NamePermission::kListed);
  finish.set_value();
  slow.join();
}

}  // namespace
}  // namespace banger::netd
