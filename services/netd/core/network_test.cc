#include "services/netd/core/network.h"

#include <set>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/fake_host.h"

namespace banger::netd {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr uid_t kAlice = 1000;
constexpr uid_t kBob = 1001;

class NetworkTest : public ::testing::Test {
 protected:
  void SetUp() override { Restart(); }

  void Restart(int prefix = 24) {
    const Subnet subnet = *Subnet::Create(*Ipv4::Parse("172.30.0.1"), prefix);
    reconciled_ = {};
    ASSERT_OK_AND_ASSIGN(network_, Network::Start("br-banger", subnet, world_.AsHost(), &reconciled_));
  }

  FakeHost world_;
  FakeLinkHost& host_ = world_.links;
  FakeLedger& ledger_ = world_.ledger;
  FakeNames& names_ = world_.names;
  Reconciliation reconciled_;
  std::unique_ptr<Network> network_;
};

TEST_F(NetworkTest, GivesTheLowestFreeAddress) {
  EXPECT_EQ(network_->Create(kAlice, "a")->address.ToString(), "172.30.0.2");
  EXPECT_EQ(network_->Create(kAlice, "b")->address.ToString(), "172.30.0.3");
  EXPECT_EQ(network_->Create(kAlice, "c")->address.ToString(), "172.30.0.4");
  ASSERT_OK(network_->Delete(kAlice, "b"));
  EXPECT_EQ(network_->Create(kAlice, "d")->address.ToString(), "172.30.0.3");
}

TEST_F(NetworkTest, CreateIsIdempotent) {
  ASSERT_OK_AND_ASSIGN(const Endpoint first, network_->Create(kAlice, "a"));
  EXPECT_THAT(network_->Create(kAlice, "a"), IsOkAndHolds(first));
  EXPECT_THAT(network_->List(kAlice), SizeIs(1));
}

TEST_F(NetworkTest, SaysWhenNoAddressIsLeftAndGoesOnWhenOneIsGivenBack) {
  Restart(29);
  for (int i = 0; i < 5; ++i) ASSERT_OK(network_->Create(kAlice, absl::StrCat("vm-", i)));
  const absl::StatusOr<Endpoint> sixth = network_->Create(kAlice, "vm-5");
  EXPECT_THAT(sixth, StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("172.30.0.1/29")));
  EXPECT_EQ(ErrorReason(sixth.status()), "NO_ADDRESS_LEFT");
  ASSERT_OK(network_->Delete(kAlice, "vm-2"));
  EXPECT_EQ(network_->Create(kAlice, "vm-5")->address.ToString(), "172.30.0.4");
}

TEST_F(NetworkTest, NeverGivesOneAddressTwice) {
  std::set<Ipv4> given;
  for (int i = 0; i < 253; ++i) given.insert(network_->Create(kAlice, absl::StrCat("vm-", i))->address);
  EXPECT_THAT(given, SizeIs(253));
  EXPECT_EQ(given.count(network_->subnet().gateway()), 0u);
}

TEST_F(NetworkTest, RefusesIdsBeforeAnythingElse) {
  EXPECT_THAT(network_->Create(kAlice, "../x"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("../x")));
  EXPECT_THAT(network_->Attach(kAlice, ""), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(network_->Detach(kAlice, "A"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(network_->Delete(kAlice, "a b"), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(NetworkTest, ShowsEachUserItsOwnAndRootAll) {
  ASSERT_OK(network_->Create(kAlice, "b"));
  ASSERT_OK(network_->Create(kBob, "a"));
  EXPECT_THAT(network_->List(kAlice), SizeIs(1));
  EXPECT_THAT(network_->List(kBob), SizeIs(1));
  const std::vector<Endpoint> all = network_->List(Network::kRoot);
  ASSERT_THAT(all, SizeIs(2));
  EXPECT_EQ(all[0].id, "a");
}

TEST_F(NetworkTest, LetsNobodyTouchWhatIsAnothers) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  ASSERT_OK(network_->Attach(kAlice, "a"));
  const auto ignore = [](const std::string&) { return absl::OkStatus(); };

  EXPECT_THAT(network_->Create(kBob, "a"), StatusIs(absl::StatusCode::kAlreadyExists));
  EXPECT_EQ(ErrorReason(network_->Create(kBob, "a").status()), "ENDPOINT_OF_ANOTHER_USER");
  EXPECT_THAT(network_->Attach(kBob, "a"), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(network_->Detach(kBob, "a"), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(network_->Delete(kBob, "a"), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(network_->WithTap(kBob, "a", ignore), StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(host_.taps, SizeIs(1));
  EXPECT_OK(network_->Delete(Network::kRoot, "a"));
}

TEST_F(NetworkTest, MakesTheTapForTheEndpointsOwnerWhoeverAsks) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  ASSERT_OK_AND_ASSIGN(const Endpoint attached, network_->Attach(Network::kRoot, "a"));
  EXPECT_EQ(attached.tap, "bgr-ac1e0002");
  EXPECT_EQ(host_.taps["bgr-ac1e0002"].owner, kAlice);
  EXPECT_TRUE(host_.has_bridge);
}

TEST_F(NetworkTest, AttachNeedsAnEndpoint) {
  const absl::StatusOr<Endpoint> attached = network_->Attach(kAlice, "a");
  EXPECT_THAT(attached, StatusIs(absl::StatusCode::kNotFound, HasSubstr("'a'")));
  EXPECT_EQ(ErrorReason(attached.status()), "ENDPOINT_NOT_FOUND");
  EXPECT_FALSE(host_.has_bridge);
}

TEST_F(NetworkTest, AttachAgainRepairsWhatIsMissing) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  ASSERT_OK(network_->Attach(kAlice, "a"));
  host_.taps.clear();
  host_.has_bridge = false;
  ASSERT_OK(network_->Attach(kAlice, "a"));
  EXPECT_THAT(host_.taps, SizeIs(1));
}

TEST_F(NetworkTest, DetachAndDeleteAreFineWhenThereIsNothing) {
  EXPECT_OK(network_->Detach(kAlice, "a"));
  EXPECT_OK(network_->Delete(kAlice, "a"));
  ASSERT_OK(network_->Create(kAlice, "a"));
  EXPECT_OK(network_->Detach(kAlice, "a"));
}

TEST_F(NetworkTest, DetachKeepsTheAddress) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  ASSERT_OK(network_->Attach(kAlice, "a"));
  ASSERT_OK(network_->Detach(kAlice, "a"));
  EXPECT_THAT(host_.taps, IsEmpty());
  EXPECT_EQ(network_->Create(kAlice, "a")->tap, "");
  EXPECT_EQ(network_->Create(kAlice, "a")->address.ToString(), "172.30.0.2");
}

TEST_F(NetworkTest, ATapInTheWayIsLeftAloneAndTheEndpointStaysDetached) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  host_.foreign.insert("bgr-ac1e0002");
  const absl::StatusOr<Endpoint> attached = network_->Attach(kAlice, "a");
  EXPECT_EQ(ErrorReason(attached.status()), "INTERFACE_NOT_OURS");
  EXPECT_EQ(ledger_.records.endpoints.at("a").tap, "");
}

TEST_F(NetworkTest, WithTapNeedsATap) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  std::string used;
  const auto use = [&](const std::string& tap) { return used = tap, absl::OkStatus(); };
  EXPECT_EQ(ErrorReason(network_->WithTap(kAlice, "a", use)), "TAP_NOT_ATTACHED");
  ASSERT_OK(network_->Attach(kAlice, "a"));
  ASSERT_OK(network_->WithTap(kAlice, "a", use));
  EXPECT_EQ(used, "bgr-ac1e0002");
}

TEST_F(NetworkTest, AFullDiskChangesNothing) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  ledger_.faults.FailFrom(0);
  EXPECT_FALSE(network_->Create(kAlice, "b").ok());
  EXPECT_FALSE(network_->Attach(kAlice, "a").ok());
  EXPECT_THAT(host_.taps, IsEmpty());
  ledger_.faults.Stop();
  EXPECT_THAT(network_->List(kAlice), SizeIs(1));
  EXPECT_OK(network_->Attach(kAlice, "a"));
}

TEST_F(NetworkTest, StopRemovesTheBridgeOnlyWhenNoTapIsLeft) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  ASSERT_OK(network_->Attach(kAlice, "a"));
  ASSERT_OK(network_->Stop());
  EXPECT_TRUE(host_.has_bridge);
  ASSERT_OK(network_->Detach(kAlice, "a"));
  ASSERT_OK(network_->Stop());
  EXPECT_FALSE(host_.has_bridge);
}

TEST_F(NetworkTest, StartAdoptsRepairsAndRemoves) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  ASSERT_OK(network_->Attach(kAlice, "a"));
  host_.taps["bgr-ac1e0063"] = {.name = "bgr-ac1e0063", .endpoint_id = "orphan", .owner = kAlice};
  host_.has_bridge = false;
  Restart();
  EXPECT_TRUE(host_.has_bridge);
  EXPECT_THAT(reconciled_.adopted, ElementsAre("bgr-ac1e0002"));
  EXPECT_THAT(reconciled_.removed, ElementsAre("bgr-ac1e0063"));
  EXPECT_THAT(reconciled_.failures, IsEmpty());
  EXPECT_THAT(host_.taps, SizeIs(1));
}

TEST_F(NetworkTest, StartMakesNoBridgeWithoutTaps) {
  ASSERT_OK(network_->Create(kAlice, "a"));
  Restart();
  EXPECT_FALSE(host_.has_bridge);
}

TEST_F(NetworkTest, StartGoesOnFromTheHostWhenTheLedgerIsUnreadable) {
  ASSERT_OK(network_->Create(kAlice, "runs"));
  ASSERT_OK(network_->Create(kAlice, "idle"));
  ASSERT_OK(network_->Attach(kAlice, "runs"));
  ASSERT_OK(network_->Attach(kAlice, "idle"));
  host_.taps["bgr-ac1e0002"].in_use = true;
  ledger_.damage = absl::DataLossError("ledger: not JSON");
  Restart();
  EXPECT_THAT(reconciled_.ledger, StatusIs(absl::StatusCode::kDataLoss));
  EXPECT_THAT(host_.taps, SizeIs(1));
  EXPECT_EQ(network_->Create(kAlice, "runs")->address.ToString(), "172.30.0.2");
  EXPECT_EQ(network_->Create(kAlice, "new")->address.ToString(), "172.30.0.3");
}

TEST_F(NetworkTest, AGuestHasItsNameWhileItHasATap) {
  ASSERT_OK(network_->Create(kAlice, "a", "web"));
  EXPECT_THAT(names_.addresses, IsEmpty());
  ASSERT_OK(network_->Attach(kAlice, "a"));
  EXPECT_THAT(names_.addresses, ElementsAre(Pair("web", *Ipv4::Parse("172.30.0.2"))));
  ASSERT_OK(network_->Detach(kAlice, "a"));
  EXPECT_THAT(names_.addresses, IsEmpty());
  ASSERT_OK(network_->Attach(kAlice, "a"));
  ASSERT_OK(network_->Delete(kAlice, "a"));
  EXPECT_THAT(names_.addresses, IsEmpty());
}

TEST_F(NetworkTest, NamesOutliveARestart) {
  ASSERT_OK(network_->Create(kAlice, "a", "web"));
  ASSERT_OK(network_->Attach(kAlice, "a"));
  ASSERT_OK(network_->Create(kAlice, "b", "idle"));
  names_.addresses.clear();
  Restart();
  EXPECT_THAT(names_.addresses, ElementsAre(Pair("web", *Ipv4::Parse("172.30.0.2"))));
}

TEST_F(NetworkTest, AFailedAttachPublishesNothing) {
  ASSERT_OK(network_->Create(kAlice, "a", "web"));
  host_.foreign.insert("bgr-ac1e0002");
  EXPECT_FALSE(network_->Attach(kAlice, "a").ok());
  EXPECT_THAT(names_.addresses, IsEmpty());
}

TEST_F(NetworkTest, ANameOfAnotherUsersRunningGuestIsRefused) {
  ASSERT_OK(network_->Create(kAlice, "a", "web"));
  ASSERT_OK(network_->Create(kBob, "b", "web"));
  ASSERT_OK(network_->Attach(kAlice, "a"));
  const absl::StatusOr<Endpoint> refused = network_->Attach(kBob, "b");
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("web.vm")));
  EXPECT_EQ(ErrorReason(refused.status()), "HOSTNAME_IN_USE");
  EXPECT_THAT(host_.taps, SizeIs(1));
  ASSERT_OK(network_->Detach(kAlice, "a"));
  EXPECT_OK(network_->Attach(kBob, "b"));
}

TEST_F(NetworkTest, OfOneUsersGuestsTheLastHasTheNameEvenAfterARestart) {
  ASSERT_OK(network_->Create(kAlice, "old", "web"));
  ASSERT_OK(network_->Attach(kAlice, "old"));
  ASSERT_OK(network_->Create(kAlice, "new", "web"));
  ASSERT_OK(network_->Attach(kAlice, "new"));
  const auto latest = ElementsAre(Pair("web", *Ipv4::Parse("172.30.0.3")));
  EXPECT_THAT(names_.addresses, latest);
  names_.addresses.clear();
  Restart();
  EXPECT_THAT(names_.addresses, latest);
  ASSERT_OK(network_->Delete(kAlice, "old"));
  EXPECT_THAT(names_.addresses, latest);
}

TEST_F(NetworkTest, ANameGivenLaterTakesEffectAtOnce) {
  ASSERT_OK(network_->Create(kAlice, "a", "before"));
  ASSERT_OK(network_->Attach(kAlice, "a"));
  EXPECT_EQ(network_->Create(kAlice, "a", "after")->hostname, "after");
  EXPECT_THAT(names_.addresses, ElementsAre(Pair("after", *Ipv4::Parse("172.30.0.2"))));
  EXPECT_EQ(ErrorReason(network_->Create(kAlice, "a", "Not a label").status()), "HOSTNAME_INVALID");
}

}  // namespace
}  // namespace banger::netd
