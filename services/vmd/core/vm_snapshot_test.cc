// What a VM was comes back as it was, or not at all.
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VmSnapshotTest : public ManagerFixture {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
    uid_ = box.vm.uid;
    world_.snapshots.Write(uid_, "then");
  }
  absl::StatusOr<Snapshot> Snap(const std::string& name = "base") {
    return vms_->CreateSnapshot("box", name, kQuiet, {});
  }
  absl::StatusOr<VmView> Restore(const std::string& name = "base") {
    return vms_->Restore("box", name, kQuiet, {});
  }
  std::vector<std::string> Snapshots(const std::string& vm = "box") {
    std::vector<std::string> names;
    const auto snapshots = vms_->ListSnapshots(vm);
    if (snapshots.ok())
      for (const Snapshot& snapshot : *snapshots) names.push_back(snapshot.name);
    return names;
  }
  void ExpectNothingUnfinished() {
    EXPECT_THAT(world_.things.Of("unfinished"), IsEmpty());
    EXPECT_THAT(world_.things.Of("stage"), IsEmpty());
  }

  std::string uid_;
};

TEST_F(VmSnapshotTest, ItIsSealedWithWhatItFits) {
  ASSERT_OK_AND_ASSIGN(const Snapshot made, Snap());
  EXPECT_EQ(made.name, "base");
  EXPECT_EQ(made.vm, "box");
  EXPECT_EQ(made.image, "mini");
  EXPECT_EQ(made.kernel, world_.snapshots.kernel);
  ASSERT_TRUE(made.machine.has_value());
  EXPECT_EQ(made.machine->vmm, world_.vmm.identity);
  EXPECT_EQ(made.machine->mac, "52:b4:ac:1e:00:02");
  EXPECT_TRUE(world_.snapshots.agent_copied);
  EXPECT_THAT(Snapshots(), ElementsAre("base"));
  ExpectNothingUnfinished();
}

TEST_F(VmSnapshotTest, TheGuestStandsStillAndGoesOnWithTheTimeSet) {
  ASSERT_OK(Snap());  // the fake VMM freezes only what stands still
  EXPECT_FALSE(world_.vmm.Paused(uid_));
  EXPECT_EQ(StateOf("box"), VmState::kRunning);
  EXPECT_THAT(world_.guests.times_set, ElementsAre(uid_));
}

TEST_F(VmSnapshotTest, APausedVmStaysPaused) {
  ASSERT_OK(vms_->Pause("box", {}));
  ASSERT_OK(Snap());
  EXPECT_TRUE(world_.vmm.Paused(uid_));
  EXPECT_EQ(StateOf("box"), VmState::kPaused);
}

TEST_F(VmSnapshotTest, AFailureLeavesARunningGuestAndNoSnapshot) {
  for (const char* step : {"Pause", "Begin", "Freeze", "CopyDisks", "Publish"}) {
    world_.host.FailAt(step, absl::ResourceExhaustedError("no space left"));
    EXPECT_THAT(Snap(), StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("no space left"))) << step;
    world_.host.Mend();
    EXPECT_FALSE(world_.vmm.Paused(uid_)) << step;
    EXPECT_THAT(Snapshots(), IsEmpty()) << step;
    ExpectNothingUnfinished();
  }
}

TEST_F(VmSnapshotTest, NamesAreCheckedMadeAndTakenOnce) {
  EXPECT_EQ(ErrorReason(Snap("no/name").status()), "SNAPSHOT_NAME_INVALID");
  EXPECT_EQ(ErrorReason(Restore("..").status()), "SNAPSHOT_NAME_INVALID");
  EXPECT_EQ(ErrorReason(vms_->DeleteSnapshot("box", ".new", {})), "SNAPSHOT_NAME_INVALID");
  ASSERT_OK_AND_ASSIGN(const Snapshot made, Snap(""));
  EXPECT_EQ(made.name, "20231114-221320");
  EXPECT_EQ(ErrorReason(Snap(made.name).status()), "SNAPSHOT_EXISTS");
  ASSERT_OK(vms_->DeleteSnapshot("box", made.name, {}));
  EXPECT_EQ(ErrorReason(vms_->DeleteSnapshot("box", made.name, {})), "SNAPSHOT_NOT_FOUND");
  EXPECT_EQ(ErrorReason(Restore(made.name).status()), "SNAPSHOT_NOT_FOUND");
}

TEST_F(VmSnapshotTest, ARestoredVmGoesOnWithTheDisksOfThen) {
  ASSERT_OK(Snap());
  world_.snapshots.Write(uid_, "now");
  ASSERT_OK_AND_ASSIGN(const VmView restored, Restore());
  EXPECT_EQ(restored.vm.state, VmState::kRunning);
  EXPECT_EQ(world_.snapshots.Read(uid_), "then");
  ASSERT_EQ(world_.vmm.launched.size(), 2u);
  const Machine& machine = world_.vmm.launched.back();
  ASSERT_TRUE(machine.frozen.has_value());
  EXPECT_EQ(machine.frozen->machine.vmm, world_.vmm.identity);
  EXPECT_EQ(machine.disks.upper, "/stage/" + uid_ + "/upper");
  // Its own addresses, so nothing to change.
  EXPECT_EQ(world_.guests.configured.back().previous_mac, "");
  EXPECT_EQ(world_.guests.configured.back().vm_uid, uid_);
  ExpectNothingUnfinished();
}

TEST_F(VmSnapshotTest, AStoppedVmsDisksComeBackAndItStaysStopped) {
  ASSERT_OK(vms_->Stop("box", 5s, {}));
  ASSERT_OK_AND_ASSIGN(const Snapshot made, Snap());
  EXPECT_FALSE(made.machine.has_value());
  EXPECT_FALSE(world_.snapshots.agent_copied);
  ASSERT_OK(vms_->Start("box", kQuiet, {}));
  world_.snapshots.Write(uid_, "now");
  ASSERT_OK_AND_ASSIGN(const VmView restored, Restore());
  EXPECT_EQ(restored.vm.state, VmState::kStopped);
  EXPECT_EQ(restored.vm.state_detail, "");
  EXPECT_EQ(world_.snapshots.Read(uid_), "then");
  EXPECT_FALSE(world_.things.Has("process " + uid_));
}

TEST_F(VmSnapshotTest, WhatIsDamagedOrDoesNotFitChangesNothing) {
  ASSERT_OK(Snap());
  world_.snapshots.Write(uid_, "now");
  world_.host.FailAt("Verify", SnapshotDamaged("base", "'memory' is not what was sealed"));
  EXPECT_EQ(ErrorReason(Restore().status()), "SNAPSHOT_DAMAGED");
  world_.host.Mend();
  world_.snapshots.kernel = {.release = "6.12.1", .digest = "fedcba9876543210"};
  EXPECT_THAT(Restore(), StatusIs(absl::StatusCode::kFailedPrecondition,
                                  HasSubstr("its kernel is 6.1.0 (0123456789ab), that of image 'mini' is "
                                            "6.12.1 (fedcba987654)")));
  EXPECT_EQ(StateOf("box"), VmState::kRunning);
  EXPECT_EQ(world_.vmm.launched.size(), 1u);
  EXPECT_EQ(world_.snapshots.Read(uid_), "now");
  ExpectNothingUnfinished();
}

TEST_F(VmSnapshotTest, AMachineOfAnotherShapeIsRefusedAndDisksGoBackToTheirSize) {
  ASSERT_OK(Snap());
  ASSERT_OK(vms_->Stop("box", 5s, {}));
  ASSERT_OK_AND_ASSIGN(const VmView before, vms_->Get("box"));
  ASSERT_OK(vms_->Update("box", {.sizes = {.memory_mib = 768}}, {}));
  EXPECT_THAT(Restore(), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("768 MiB now")));
  ASSERT_OK(vms_->Update("box",
                         {.sizes = {.memory_mib = before.vm.sizes.memory_mib,
                                    .disk_size_bytes = before.vm.sizes.disk_size_bytes * 2}},
                         {}));
  ASSERT_OK_AND_ASSIGN(const VmView restored, Restore());
  EXPECT_EQ(restored.vm.sizes, before.vm.sizes);
}

TEST_F(VmSnapshotTest, ARestoreThatFailsLeavesAStoppedVmWithItsOldDisks) {
  ASSERT_OK(Snap());
  world_.snapshots.Write(uid_, "now");
  for (const char* step : {"Launch", "WaitReady", "Configure", "CommitStage"}) {
    world_.host.FailAt(step, absl::InternalError("it does not"));
    EXPECT_FALSE(Restore().ok()) << step;
    world_.host.Mend();
    ASSERT_OK_AND_ASSIGN(const VmView box, vms_->Get("box"));
    EXPECT_EQ(box.vm.state, VmState::kStopped) << step;
    EXPECT_THAT(box.vm.state_detail, HasSubstr("restore of 'base' failed")) << step;
    EXPECT_FALSE(world_.things.Has("process " + uid_)) << step;
    EXPECT_EQ(world_.snapshots.Read(uid_), "now") << step;
    ExpectNothingUnfinished();
    ASSERT_OK(vms_->Start("box", kQuiet, {})) << step;
  }
}

TEST_F(VmSnapshotTest, TheyGoWithTheirVm) {
  ASSERT_OK(Snap());
  ASSERT_OK(vms_->Delete("box", true, {}));
  ExpectNothingLeft();
}

// vmd dies after each of the steps in turn.
TEST_F(VmSnapshotTest, WhereverVmdDiesInASnapshotTheGuestRunsOnAndNothingHalfMadeStays) {
  const int before = world_.host.calls();
  ASSERT_OK(Snap("whole"));
  const int steps = world_.host.calls() - before;
  ASSERT_GT(steps, 5);
  for (int step = 0; step <= steps; ++step) {
    world_.host.CutAfter(step);
    Snap("cut").IgnoreError();
    RestartVmd();
    EXPECT_FALSE(world_.vmm.Paused(uid_)) << step;
    EXPECT_EQ(StateOf("box"), VmState::kRunning) << step;
    ExpectNothingUnfinished();
    vms_->DeleteSnapshot("box", "cut", {}).IgnoreError();
    EXPECT_THAT(Snapshots(), ElementsAre("whole")) << step;
  }
}

TEST_F(VmSnapshotTest, WhereverVmdDiesInARestoreTheVmIsWhatItWasOrWhatItShallBe) {
  ASSERT_OK(Snap());
  const int before = world_.host.calls();
  ASSERT_OK(Restore());
  const int steps = world_.host.calls() - before;
  for (int step = 0; step <= steps; ++step) {
    world_.snapshots.Write(uid_, "now");
    world_.host.CutAfter(step);
    Restore().IgnoreError();
    RestartVmd();
    ExpectNothingUnfinished();
    // A stop that was under way is ended.
    EXPECT_TRUE(Eventually([this] { return StateOf("box") != VmState::kStopping; }));
    const bool runs = world_.things.Has("process " + uid_);
    EXPECT_EQ(StateOf("box"), runs ? VmState::kRunning : VmState::kStopped) << step;
    EXPECT_THAT(world_.snapshots.Read(uid_), ::testing::AnyOf("now", "then")) << step;
    ASSERT_OK(vms_->Start("box", kQuiet, {})) << step;
  }
}

}  // namespace
}  // namespace banger::vmd
