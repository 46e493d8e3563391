#include "services/netd/core/reconcile.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger::netd {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr uid_t kUser = 1000;

Subnet TestSubnet() { return *Subnet::Create(*Ipv4::Parse("10.9.0.1"), 24); }

Endpoint Row(const std::string& id, const std::string& address, bool attached) {
  const Ipv4 ip = *Ipv4::Parse(address);
  return {.id = id, .address = ip, .owner = kUser, .tap = attached ? TapName(ip) : ""};
}

Tap TapFor(const std::string& id, const std::string& address, bool in_use) {
  return {.name = TapName(*Ipv4::Parse(address)), .endpoint_id = id, .owner = kUser, .in_use = in_use};
}

TEST(ReconcileTest, KeepsTapsOfTheLedgerWhetherInUseOrNot) {
  const Endpoints ledger = {{"a", Row("a", "10.9.0.2", true)}, {"b", Row("b", "10.9.0.3", true)}};
  const ReconciliationPlan plan = PlanReconciliation(
      TestSubnet(), ledger, {TapFor("a", "10.9.0.2", true), TapFor("b", "10.9.0.3", false)});
  EXPECT_EQ(plan.endpoints, ledger);
  EXPECT_THAT(plan.adopt, ElementsAre("bgr-0a090002", "bgr-0a090003"));
  EXPECT_THAT(plan.remove, IsEmpty());
}

TEST(ReconcileTest, DetachesEndpointsWhoseTapIsGone) {
  const ReconciliationPlan plan = PlanReconciliation(TestSubnet(), {{"a", Row("a", "10.9.0.2", true)}}, {});
  EXPECT_EQ(plan.endpoints, (Endpoints{{"a", Row("a", "10.9.0.2", false)}}));
  EXPECT_THAT(plan.detached, ElementsAre("a"));
}

TEST(ReconcileTest, RemovesIdleTapsThatTheLedgerLacks) {
  const ReconciliationPlan plan = PlanReconciliation(TestSubnet(), {}, {TapFor("a", "10.9.0.2", false)});
  EXPECT_THAT(plan.remove, ElementsAre("bgr-0a090002"));
  EXPECT_THAT(plan.endpoints, IsEmpty());
}

TEST(ReconcileTest, TakesTapsInUseBackIntoALostLedger) {
  const ReconciliationPlan plan = PlanReconciliation(TestSubnet(), {}, {TapFor("a", "10.9.0.2", true)});
  EXPECT_EQ(plan.endpoints, (Endpoints{{"a", Row("a", "10.9.0.2", true)}}));
  EXPECT_THAT(plan.adopt, ElementsAre("bgr-0a090002"));
}

TEST(ReconcileTest, LetsTheLedgerWinWhereATapContradictsIt) {
  const Endpoints ledger = {{"a", Row("a", "10.9.0.2", false)}, {"b", Row("b", "10.9.0.3", false)}};
  const ReconciliationPlan plan = PlanReconciliation(
      TestSubnet(), ledger, {TapFor("other", "10.9.0.2", true), TapFor("b", "10.9.0.7", true)});
  EXPECT_EQ(plan.endpoints, ledger);
  EXPECT_THAT(plan.remove, ElementsAre("bgr-0a090002", "bgr-0a090007"));
}

TEST(ReconcileTest, DropsEndpointsOutsideOfTheSubnetUnlessTheyHaveATap) {
  const Endpoints ledger = {{"gone", Row("gone", "10.8.0.2", true)}, {"runs", Row("runs", "10.8.0.3", true)}};
  const ReconciliationPlan plan =
      PlanReconciliation(TestSubnet(), ledger, {TapFor("runs", "10.8.0.3", true)});
  EXPECT_EQ(plan.endpoints, (Endpoints{{"runs", Row("runs", "10.8.0.3", true)}}));
}

}  // namespace
}  // namespace banger::netd
