// A clone is a VM of its own, or not there at all.
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VmCloneTest : public ManagerFixture {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const VmView box,
                         vms_->Create({.name = "box", .policy = {.nat = true}}, kQuiet, {}));
    uid_ = box.vm.uid;
    world_.snapshots.Write(uid_, "then");
  }
  absl::StatusOr<VmView> Clone(const std::string& name, const std::string& snapshot = "") {
    return vms_->Clone("box", {.name = name, .snapshot = snapshot}, kQuiet, {});
  }

  std::string uid_;
};

TEST_F(VmCloneTest, ItGoesOnFromTheSameMomentWithAnIdentityOfItsOwn) {
  world_.network.mac = "52:b4:ac:1e:00:03";
  ASSERT_OK_AND_ASSIGN(const VmView twin, Clone("twin"));
  EXPECT_EQ(twin.vm.state, VmState::kRunning);
  EXPECT_NE(twin.vm.uid, uid_);
  EXPECT_EQ(twin.vm.image, "mini");
  EXPECT_TRUE(twin.vm.policy.nat);
  EXPECT_EQ(world_.snapshots.Read(twin.vm.uid), "then");
  EXPECT_TRUE(world_.vmm.launched.back().frozen.has_value());
  const GuestConfig& config = world_.guests.configured.back();
  EXPECT_EQ(config.vm_uid, twin.vm.uid);
  EXPECT_EQ(config.hostname, "twin");
  EXPECT_EQ(config.mac, "52:b4:ac:1e:00:03");
  EXPECT_EQ(config.previous_mac, "52:b4:ac:1e:00:02");
  // The other one has only stood still for a moment.
  EXPECT_FALSE(world_.vmm.Paused(uid_));
  EXPECT_EQ(StateOf("box"), VmState::kRunning);
  EXPECT_THAT(world_.things.Of("unfinished"), IsEmpty());
  EXPECT_THAT(world_.things.Of("stage"), IsEmpty());
}

TEST_F(VmCloneTest, OfASnapshotItIsWhatTheVmWasThen) {
  ASSERT_OK(vms_->CreateSnapshot("box", "base", kQuiet, {}));
  world_.snapshots.Write(uid_, "now");
  ASSERT_OK_AND_ASSIGN(const VmView twin, Clone("twin", "base"));
  EXPECT_EQ(world_.snapshots.Read(twin.vm.uid), "then");
  EXPECT_THAT(world_.guests.times_set, ElementsAre(uid_)) << "the clone did not stop the other one";
  EXPECT_EQ(ErrorReason(Clone("third", "none").status()), "SNAPSHOT_NOT_FOUND");
}

TEST_F(VmCloneTest, OfAStoppedVmItIsMadeAndNotStarted) {
  ASSERT_OK(vms_->Stop("box", 5s, {}));
  ASSERT_OK_AND_ASSIGN(const VmView twin, Clone("twin"));
  EXPECT_EQ(twin.vm.state, VmState::kCreated);
  EXPECT_EQ(world_.snapshots.Read(twin.vm.uid), "then");
  EXPECT_FALSE(world_.things.Has("process " + twin.vm.uid));
  ASSERT_OK(vms_->Start("twin", kQuiet, {}));
}

TEST_F(VmCloneTest, NamesAreCheckedAndMadeUp) {
  EXPECT_EQ(ErrorReason(Clone("box").status()), "VM_EXISTS");
  EXPECT_EQ(ErrorReason(Clone("no name").status()), "VM_NAME_INVALID");
  ASSERT_OK_AND_ASSIGN(const VmView twin, Clone(""));
  EXPECT_THAT(twin.vm.name, HasSubstr("-"));
}

TEST_F(VmCloneTest, AFailureLeavesTheOtherVmAsItWasAndNothingElse) {
  const auto things = world_.things.All();
  for (const char* step : {"Freeze", "CopyDisks", "Stage", "Acquire", "CreateEndpoint", "AttachTap", "Launch",
                           "WaitReady", "Configure", "CommitStage"}) {
    world_.host.FailAt(step, absl::InternalError("it does not"));
    EXPECT_FALSE(Clone("twin").ok()) << step;
    world_.host.Mend();
    EXPECT_THAT(Names(), ElementsAre("box")) << step;
    EXPECT_EQ(world_.things.All(), things) << step;
  }
}

TEST_F(VmCloneTest, OneThatTheStoreHasNoRoomToUndoIsNoVmAndGoesLater) {
  const auto things = world_.things.All();
  for (const char* step : {"Freeze", "Update", "Strike", "Delete"})
    world_.host.FailAt(step, DiskFull("full"));
  EXPECT_EQ(ErrorReason(Clone("twin").status()), "DISK_FULL");
  EXPECT_EQ(ErrorReason(vms_->Start("twin", kQuiet, {}).status()), "VM_DELETED");
  world_.host.Mend();
  EXPECT_TRUE(Eventually([this] { return vms_->CollectGarbage(); }));
  EXPECT_THAT(Names(), ElementsAre("box"));
  EXPECT_EQ(world_.things.All(), things);
}

TEST_F(VmCloneTest, WhereverVmdDiesTheCloneIsThereOrItIsNot) {
  const int before = world_.host.calls();
  ASSERT_OK(Clone("whole"));
  const int steps = world_.host.calls() - before;
  ASSERT_OK(vms_->Delete("whole", true, {}));
  const auto things = world_.things.All();
  for (int step = 0; step <= steps; ++step) {
    world_.host.CutAfter(step);
    Clone("twin").IgnoreError();
    RestartVmd();
    EXPECT_FALSE(world_.vmm.Paused(uid_)) << step;
    if (vms_->Get("twin").ok()) {
      EXPECT_EQ(StateOf("twin"), VmState::kRunning) << step;
      ASSERT_OK(vms_->Delete("twin", true, {}));
    }
    EXPECT_EQ(world_.things.All(), things) << step;
  }
}

}  // namespace
}  // namespace banger::vmd
