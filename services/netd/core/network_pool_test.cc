// Spare taps: made, taken, taken up again and removed.
#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "services/netd/core/network.h"
#include "services/netd/testing/fake_host.h"

namespace banger::netd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Field;
using ::testing::IsEmpty;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr uid_t kAlice = 1000;
constexpr uid_t kBob = 1001;

class NetworkPoolTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart(); }
  void Restart(int prefix = 24) {
    Reconciliation done;
    ASSERT_OK_AND_ASSIGN(network_, Network::Start("br0", *Subnet::Create(*Ipv4::Parse("172.30.0.1"), prefix),
                                                  world_.AsHost(), &done));
    EXPECT_THAT(done.failures, IsEmpty());
  }
  std::string Attach(const std::string& id, uid_t owner = kAlice) {
    EXPECT_OK(network_->Create(owner, id));
    const auto endpoint = network_->Attach(owner, id);
    EXPECT_OK(endpoint);
    return endpoint.ok() ? endpoint->address.ToString() : "";
  }
  std::vector<std::string> Spares() const {
    std::vector<std::string> spares;
    for (const auto& [name, tap] : taps_)
      if (tap.is_spare()) spares.push_back(AddressOfTap(name)->ToString());
    return spares;
  }

  FakeHost world_;
  std::map<std::string, Tap>& taps_ = world_.links.taps;
  std::unique_ptr<Network> network_;
};

TEST_F(NetworkPoolTest, ThereIsNoneBeforeTheFirstAttach) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  ASSERT_OK(network_->FillPool(4));
  EXPECT_THAT(taps_, IsEmpty());
  EXPECT_FALSE(world_.links.has_bridge);
}

TEST_F(NetworkPoolTest, SparesHaveRulesAndTheLastOwnerAndAreTakenAsTheyAre) {
  EXPECT_EQ(Attach("a"), "172.30.0.2");
  ASSERT_OK(network_->FillPool(2));
  EXPECT_THAT(Spares(), ElementsAre("172.30.0.3", "172.30.0.4"));
  EXPECT_EQ(taps_.at("bgr-ac1e0003").owner, kAlice);
  EXPECT_THAT(world_.firewall.applied->guests, SizeIs(3));
  ASSERT_OK(network_->FillPool(2));
  EXPECT_EQ(world_.links.made, 3);

  EXPECT_EQ(Attach("b"), "172.30.0.3");
  EXPECT_EQ(world_.links.made, 3);
  EXPECT_EQ(taps_.at("bgr-ac1e0003").endpoint_id, "b");
  ASSERT_OK(network_->FillPool(2));
  EXPECT_THAT(Spares(), ElementsAre("172.30.0.4", "172.30.0.5"));
}

TEST_F(NetworkPoolTest, ATapIsItsEndpointsOwnersWhoeverHadTheLast) {
  Attach("a");
  ASSERT_OK(network_->FillPool(1));
  EXPECT_EQ(Attach("b", kBob), "172.30.0.3");
  EXPECT_THAT(taps_.at("bgr-ac1e0003"), AllOf(Field(&Tap::owner, kBob), Field(&Tap::endpoint_id, "b")));
}

TEST_F(NetworkPoolTest, AddressesAreGivenOnceAlsoWhenAllAreSpare) {
  Restart(29);
  EXPECT_EQ(Attach("a"), "172.30.0.2");
  ASSERT_OK(network_->FillPool(64));
  EXPECT_THAT(Spares(), SizeIs(4));
  for (int i = 3; i <= 6; ++i) EXPECT_EQ(Attach(absl::StrCat("vm-", i)), absl::StrCat("172.30.0.", i));
  EXPECT_THAT(network_->Create(kAlice, "one-more"), StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(Spares(), IsEmpty());
}

TEST_F(NetworkPoolTest, WhatOthersHaveInTheWayIsPassedOver) {
  world_.links.foreign = {"bgr-ac1e0003"};
  Attach("a");
  ASSERT_OK(network_->FillPool(2));
  EXPECT_THAT(Spares(), ElementsAre("172.30.0.4", "172.30.0.5"));
}

TEST_F(NetworkPoolTest, IsDrainedOnlyWithoutGuestsAndThenLeavesNothing) {
  Attach("a");
  ASSERT_OK(network_->FillPool(3));
  ASSERT_OK(network_->DrainPool());
  EXPECT_THAT(Spares(), SizeIs(3));
  ASSERT_OK(network_->Delete(kAlice, "a"));
  EXPECT_THAT(Spares(), SizeIs(3));
  EXPECT_FALSE(network_->HasGuests());
  ASSERT_OK(network_->DrainPool());
  EXPECT_THAT(taps_, IsEmpty());
  EXPECT_FALSE(world_.links.has_bridge);
  EXPECT_FALSE(world_.firewall.applied.has_value());
  EXPECT_EQ(Attach("b"), "172.30.0.2");
}

TEST_F(NetworkPoolTest, ACleanEndTakesTheSparesAndACrashLeavesThemToTheNextStart) {
  Attach("a");
  ASSERT_OK(network_->FillPool(3));
  ASSERT_OK(network_->Stop());
  EXPECT_THAT(taps_, ElementsAre(Key("bgr-ac1e0002")));
  ASSERT_OK(network_->FillPool(3));
  Restart();
  EXPECT_THAT(taps_, ElementsAre(Pair("bgr-ac1e0002", Field(&Tap::endpoint_id, "a"))));
  EXPECT_THAT(world_.firewall.applied->guests, SizeIs(1));
  // Of the owner that there was before.
  ASSERT_OK(network_->FillPool(1));
  EXPECT_EQ(taps_.at("bgr-ac1e0003").owner, kAlice);
}

TEST_F(NetworkPoolTest, ReconciliationKeepsSpares) {
  Attach("a");
  ASSERT_OK(network_->FillPool(2));
  EXPECT_THAT(network_->Reconcile().removed, IsEmpty());
  EXPECT_THAT(Spares(), SizeIs(2));
}

TEST_F(NetworkPoolTest, FailuresAreToldAndLeaveNothingHalf) {
  Attach("a");
  world_.firewall.faults.FailFrom(0);
  EXPECT_THAT(network_->FillPool(2), Not(IsOk()));
  world_.firewall.faults.Stop();
  EXPECT_THAT(Spares(), IsEmpty());
  EXPECT_EQ(Attach("b"), "172.30.0.3");
  world_.links.faults.FailFrom(0);
  EXPECT_THAT(network_->FillPool(2), Not(IsOk()));
  world_.links.faults.Stop();
  ASSERT_OK(network_->FillPool(2));
  EXPECT_THAT(Spares(), SizeIs(2));
  EXPECT_EQ(world_.firewall.applied->guests.size(), taps_.size());
}

TEST_F(NetworkPoolTest, TellsWhenTapsCameAndWent) {
  int changes = 0;
  network_->OnTapsChanged([&] { ++changes; });
  Attach("a");
  EXPECT_EQ(changes, 1);
  ASSERT_OK(network_->Attach(kAlice, "a"));
  EXPECT_EQ(changes, 1);
  ASSERT_OK(network_->Delete(kAlice, "a"));
  EXPECT_EQ(changes, 2);
  // Also when others take one.
  Attach("b");
  taps_.clear();
  network_->Reconcile();
  EXPECT_EQ(changes, 4);
}

}  // namespace
}  // namespace banger::netd
