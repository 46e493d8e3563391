// A VM that stands still keeps what it has, and goes on with the right time.
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class VmPauseTest : public ManagerFixture {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
    uid_ = box.vm.uid;
  }
  std::string uid_;
};

TEST_F(VmPauseTest, ItStandsStillAndGoesOnWithTheTimeSet) {
  ASSERT_OK_AND_ASSIGN(const VmView paused, vms_->Pause("box", {}));
  EXPECT_EQ(paused.vm.state, VmState::kPaused);
  EXPECT_TRUE(world_.things.Has("paused " + uid_));
  EXPECT_OK(vms_->Pause("box", {}));
  ASSERT_OK_AND_ASSIGN(const VmView resumed, vms_->Resume("box", {}));
  EXPECT_EQ(resumed.vm.state, VmState::kRunning);
  EXPECT_FALSE(world_.things.Has("paused " + uid_));
  EXPECT_THAT(world_.guests.times_set, ElementsAre(uid_));
}

TEST_F(VmPauseTest, WhatNeedsItToRunIsRefusedWithAWord) {
  ASSERT_OK(vms_->Pause("box", {}));
  EXPECT_EQ(ErrorReason(vms_->RequireRunning("box").status()), "VM_PAUSED");
  EXPECT_EQ(ErrorReason(vms_->Start("box", kQuiet, {}).status()), "VM_PAUSED");
  EXPECT_EQ(ErrorReason(vms_->Delete("box", false, {})), "VM_RUNNING");
  EXPECT_EQ(vms_->List("", 10, Which::kUp)->size(), 1u);
  ASSERT_OK(Create("idle", /*no_start=*/true));
  EXPECT_EQ(ErrorReason(vms_->Pause("idle", {}).status()), "VM_NOT_RUNNING");
  EXPECT_EQ(ErrorReason(vms_->Resume("idle", {}).status()), "VM_NOT_RUNNING");
}

TEST_F(VmPauseTest, AStopLetsTheGuestRunToPowerItselfOff) {
  ASSERT_OK(vms_->Pause("box", {}));
  ASSERT_OK_AND_ASSIGN(const VmView stopped, vms_->Stop("box", 5s, {}));
  EXPECT_EQ(stopped.vm.state, VmState::kStopped);
  EXPECT_EQ(stopped.vm.state_detail, "");
  ASSERT_OK(vms_->Start("box", kQuiet, {}));
  ASSERT_OK(vms_->Pause("box", {}));
  ASSERT_OK(vms_->Delete("box", true, {}));
  ExpectNothingLeft();
}

TEST_F(VmPauseTest, ItStaysPausedOverVmdsRestartAndItsEndIsSeen) {
  ASSERT_OK(vms_->Pause("box", {}));
  RestartVmd();
  EXPECT_EQ(StateOf("box"), VmState::kPaused);
  ASSERT_OK(vms_->Resume("box", {}));
  ASSERT_OK(vms_->Pause("box", {}));
  world_.vmm.End(uid_, {VmmExit::Kind::kEnded, "signal 9"});
  EXPECT_EQ(StateOf("box"), VmState::kStopped);
}

TEST_F(VmPauseTest, AGuestThatDoesNotTakeTheTimeIsNamedAndTheNextResumeTriesAgain) {
  ASSERT_OK(vms_->Pause("box", {}));
  world_.host.FailAt("SetTime", absl::DeadlineExceededError("no answer"));
  const auto resumed = vms_->Resume("box", {});
  EXPECT_EQ(ErrorReason(resumed.status()), "GUEST_UNREACHABLE");
  EXPECT_THAT(resumed,
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr("VM 'box': it runs, but its clock")));
  EXPECT_EQ(StateOf("box"), VmState::kRunning);
  world_.host.Mend();
  EXPECT_OK(vms_->Resume("box", {}));
  EXPECT_THAT(world_.guests.times_set, ElementsAre(uid_));
}

TEST_F(VmPauseTest, AVmmThatDoesNotObeyLeavesTheVmAsItWas) {
  world_.host.FailAt("Pause", absl::DeadlineExceededError("no answer from QEMU"));
  EXPECT_THAT(vms_->Pause("box", {}),
              StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("pause the VMM")));
  EXPECT_EQ(StateOf("box"), VmState::kRunning);
}

TEST_F(VmPauseTest, AVmmThatObeysTooLateIsToldToGoOn) {
  world_.host.OnceAt("Pause", [this] { world_.things.Add("paused " + uid_); });
  world_.host.FailAt("Pause", absl::DeadlineExceededError("no answer from QEMU"));
  EXPECT_THAT(vms_->Pause("box", {}), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_EQ(StateOf("box"), VmState::kRunning);
  EXPECT_FALSE(world_.vmm.Paused(uid_));
  // One that did not hear even that is let go by the next resume.
  world_.things.Add("paused " + uid_);
  EXPECT_OK(vms_->Resume("box", {}));
  EXPECT_FALSE(world_.vmm.Paused(uid_));
}

TEST_F(VmPauseTest, AStoreWithoutRoomLeavesItRunning) {
  world_.host.FailAt("ChangeState", DiskFull("no space"));
  EXPECT_EQ(ErrorReason(vms_->Pause("box", {}).status()), "DISK_FULL");
  EXPECT_EQ(StateOf("box"), VmState::kRunning);
  EXPECT_FALSE(world_.vmm.Paused(uid_));
}

}  // namespace
}  // namespace banger::vmd
