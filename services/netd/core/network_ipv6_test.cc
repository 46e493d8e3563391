// What the network makes of policies where guests have IPv6.
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

IpAddress Address(const std::string& text) { return *IpAddress::Parse(text); }

Subnet Both() {
  return *Subnet::Create(*Ipv4::Parse("172.30.0.1"), 24)->WithIpv6(*Prefix::Parse("fd00:1:2::/64"));
}

class NetworkIpv6Test : public ::testing::Test {
 protected:
  void SetUp() override { Restart(Both()); }
  void Restart(const Subnet& subnet) {
    Reconciliation done;
    ASSERT_OK_AND_ASSIGN(network_, Network::Start("br0", subnet, world_.AsHost(), &done));
  }
  Ipv4 Attach(const std::string& id, const Policy& policy = {}) {
    EXPECT_OK(network_->Create(kAlice, id));
    EXPECT_OK(network_->SetPolicy(kAlice, id, policy));
    const auto endpoint = network_->Attach(kAlice, id);
    EXPECT_OK(endpoint);
    return endpoint.ok() ? endpoint->address : Ipv4();
  }
  bool LetThrough(Ipv4 guest, const std::vector<IpAddress>& addresses) {
    const auto sent =
        network_->LetThrough({{.guest = guest, .name = "example.com", .addresses = addresses, .ttl = 60s}});
    EXPECT_OK(sent);
    return sent.ok() && (*sent)[0];
  }
  std::vector<IpAddress> Opened() const {
    std::vector<IpAddress> opened;
    for (const auto& [pair, until] : world_.firewall.applied->opened) opened.push_back(pair.second);
    return opened;
  }

  const Policy named_{.nat = true, .egress = {.mode = Egress::Mode::kListed, .domains = {"example.com"}}};
  FakeHost world_;
  std::unique_ptr<Network> network_;
};

TEST_F(NetworkIpv6Test, EachFamilyIsForwardedWhereItHasAWayOut) {
  world_.router.uplinks = {.ipv4 = {"eth0"}, .ipv6 = {"wlan0"}};
  Attach("nat", {.nat = true});
  const Interfaces both = {.ipv4 = {"br0", "eth0"}, .ipv6 = {"br0", "wlan0"}};
  EXPECT_EQ(world_.router.forwarding, both);
  EXPECT_EQ(world_.ledger.records.forwarding, both);
  world_.router.uplinks.ipv6.clear();
  ASSERT_OK(network_->Refresh());
  EXPECT_THAT(world_.router.forwarding.ipv6, IsEmpty());
  EXPECT_THAT(world_.router.forwarding.ipv4, UnorderedElementsAre("br0", "eth0"));
  ASSERT_OK(network_->SetPolicy(kAlice, "nat", {}));
  EXPECT_EQ(world_.router.forwarding, Interfaces());
}

TEST_F(NetworkIpv6Test, AHostThatForwardsOnlyForGuestsIsClosedToOthers) {
  Attach("plain");
  EXPECT_THAT(world_.firewall.applied->closed, IsEmpty());
  // The rule is there before anything is forwarded.
  world_.firewall.on_apply = [&](const Rules&) { EXPECT_THAT(world_.router.forwarding.ipv6, IsEmpty()); };
  Attach("nat", {.nat = true});
  world_.firewall.on_apply = nullptr;
  EXPECT_THAT(world_.firewall.applied->closed, ElementsAre(Family::kIpv6));
  world_.router.everywhere.ipv6 = true;
  ASSERT_OK(network_->Refresh());
  EXPECT_THAT(world_.firewall.applied->closed, IsEmpty());
}

// What it forwards because of guests is closed to others until it is off again.
TEST_F(NetworkIpv6Test, TheHostIsAnOpenRouterAtNoTime) {
  world_.firewall.on_apply = [&](const Rules& rules) {
    EXPECT_TRUE(!rules.closed.empty() || world_.router.forwarding.ipv6.empty());
  };
  Attach("nat", {.nat = true});
  ASSERT_OK(network_->SetPolicy(kAlice, "nat", {}));
  EXPECT_THAT(world_.firewall.applied->closed, IsEmpty());
  ASSERT_OK(network_->SetPolicy(kAlice, "nat", {.nat = true}));
  Restart(*Subnet::Create(*Ipv4::Parse("172.30.0.1"), 24));
  EXPECT_THAT(world_.router.forwarding.ipv6, IsEmpty());
  EXPECT_THAT(world_.firewall.applied->closed, IsEmpty());
}

TEST_F(NetworkIpv6Test, AHostThatCannotBeKeptFromForwardingStaysClosed) {
  Attach("nat", {.nat = true});
  world_.router.faults.FailFrom(0);
  EXPECT_THAT(network_->SetPolicy(kAlice, "nat", {}), Not(IsOk()));
  EXPECT_THAT(world_.firewall.applied->closed, ElementsAre(Family::kIpv6));
  EXPECT_THAT(world_.firewall.applied->open, IsEmpty());
  EXPECT_THAT(network_->Delete(kAlice, "nat"), Not(IsOk()));
  ASSERT_TRUE(world_.firewall.applied.has_value());
  EXPECT_THAT(world_.firewall.applied->closed, ElementsAre(Family::kIpv6));
  world_.router.faults.Stop();
  EXPECT_THAT(network_->Reconcile().failures, IsEmpty());
  EXPECT_EQ(world_.router.forwarding, Interfaces());
  EXPECT_FALSE(world_.firewall.applied.has_value());
}

TEST_F(NetworkIpv6Test, SwitchedOffItIsTakenBack) {
  Attach("nat", {.nat = true});
  Restart(*Subnet::Create(*Ipv4::Parse("172.30.0.1"), 24));
  ASSERT_OK(network_->Delete(kAlice, "nat"));
  EXPECT_EQ(world_.router.forwarding, Interfaces());
  EXPECT_EQ(world_.ledger.records.forwarding, Interfaces());
}

TEST_F(NetworkIpv6Test, NamesOpenAddressesOfBothFamilies) {
  const Ipv4 guest = Attach("named", named_);
  EXPECT_TRUE(LetThrough(guest, {Address("2001:db8::10")}));
  EXPECT_TRUE(LetThrough(guest, {Address("192.0.2.10"), Address("64:ff9b::192.0.2.10"), Address("fd99::5")}));
  EXPECT_THAT(Opened(), UnorderedElementsAre(Address("2001:db8::10"), Address("192.0.2.10"),
                                             Address("64:ff9b::c000:20a"), Address("fd99::5")));
}

TEST_F(NetworkIpv6Test, NoNameLeadsToTheHostOrToOtherGuests) {
  const Ipv4 guest = Attach("named", named_);
  for (const char* address :
       {"::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:192.0.2.10", "fe80::1", "fec0::1", "ff02::1",
        "fd00:1:2::ac1e:1", "fd00:1:2::ac1e:3", "fd00:1:2::77", "64:ff9b::127.0.0.1",
        "64:ff9b::169.254.169.254", "64:ff9b::172.30.0.3", "64:ff9b::224.0.0.1", "64:ff9b:1::1", "100::1",
        "fd00:ec2::254", "fd20:ce::254"})
    EXPECT_FALSE(LetThrough(guest, {Address("2001:db8::10"), Address(address)})) << address;
  EXPECT_THAT(Opened(), IsEmpty());
}

TEST_F(NetworkIpv6Test, WhereItIsOffItsAddressesAreNoMatter) {
  Restart(*Subnet::Create(*Ipv4::Parse("172.30.0.1"), 24));
  const Ipv4 guest = Attach("named", named_);
  EXPECT_TRUE(LetThrough(guest, {Address("192.0.2.10"), Address("::1")}));
  EXPECT_THAT(Opened(), ElementsAre(Address("192.0.2.10")));
}

}  // namespace
}  // namespace banger::netd
