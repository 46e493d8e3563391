// What is left when steps fail, vmd dies or the store has no room.
#include <functional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class VmFaultsTest : public ManagerFixture {};

TEST_F(VmFaultsTest, AFailureAtAnyStepOfCreateLeavesNothing) {
  for (const char* call : {"Acquire", "Record", "MakeDisks", "CreateEndpoint", "AttachTap", "GiveAgentDisk",
                           "Launch", "Insert", "Update"}) {
    SCOPED_TRACE(call);
    world_.host.FailAt(call, absl::InternalError("no luck"));
    EXPECT_THAT(Create("box"), Not(IsOk()));
    world_.host.Mend();
    ExpectNothingLeft();
  }
}

TEST_F(VmFaultsTest, WhatCannotBeGivenBackIsGivenBackLater) {
  ASSERT_OK(Create("box"));
  world_.host.FailAt("DeleteEndpoint", absl::UnavailableError("netd does not answer"));
  ASSERT_OK(vms_->Delete("box", true, {}));
  EXPECT_THAT(Names(), IsEmpty());
  EXPECT_FALSE(vms_->CollectGarbage());
  world_.host.Mend();
  EXPECT_TRUE(vms_->CollectGarbage());
  ExpectNothingLeft();
}

TEST_F(VmFaultsTest, VmdDyingAtAnyStepOfCreateLeavesNothingOrARunningVm) {
  int completed = 0;
  for (int cut = 0; cut < 60; ++cut) {
    SCOPED_TRACE(cut);
    world_.host.CutAfter(cut);
    const bool created = Create("box").ok();
    RestartVmd();
    if (created) {
      ++completed;
      EXPECT_EQ(StateOf("box"), VmState::kRunning);
      ASSERT_OK(vms_->Delete("box", true, {}));
    }
    ExpectNothingLeft();
  }
  EXPECT_GT(completed, 0);
  EXPECT_LT(completed, 60);
}

TEST_F(VmFaultsTest, VmdDyingAtAnyStepOfStopStartOrDeleteLosesNoVm) {
  const std::vector<std::function<absl::Status()>> actions = {
      [&] { return vms_->Stop("box", 1s, {}).status(); },
      [&] { return vms_->Restart("box", 1s, kQuiet, {}).status(); },
      [&] { return vms_->Delete("box", true, {}); },
  };
  for (const auto& action : actions) {
    for (int cut = 0; cut < 40; ++cut) {
      SCOPED_TRACE(cut);
      if (!vms_->Get("box").ok()) {
        ASSERT_OK(Create("box"));
      }
      ASSERT_OK(vms_->Start("box", kQuiet, {}));
      world_.host.CutAfter(cut);
      action().IgnoreError();
      RestartVmd();
      ASSERT_TRUE(Eventually([&] {
        const VmState state = StateOf("box");
        return state != VmState::kStopping && state != VmState::kStarting;
      }));
      if (vms_->Get("box").ok()) {
        ASSERT_OK(vms_->Start("box", kQuiet, {}));
        EXPECT_EQ(StateOf("box"), VmState::kRunning);
      } else {
        ExpectNothingLeft();
      }
    }
  }
  vms_->Delete("box", true, {}).IgnoreError();
  ExpectNothingLeft();
}

TEST_F(VmFaultsTest, AStoreThatTakesNothingFromAnyStepOnLeavesNoVmStuck) {
  const std::vector<std::function<absl::Status()>> actions = {
      [&] { return Create("box").status(); },
      [&] { return vms_->Restart("box", 1s, kQuiet, {}).status(); },
      [&] { return vms_->Stop("box", 1s, {}).status(); },
      [&] { return vms_->Delete("box", true, {}); },
  };
  for (std::size_t action = 0; action < actions.size(); ++action) {
    for (int step = 0; step < 40; ++step) {
      SCOPED_TRACE(absl::StrCat("action ", action, ", step ", step));
      if (action > 0) {
        if (!vms_->Get("box").ok()) {
          ASSERT_OK(Create("box"));
        }
        ASSERT_OK(vms_->Start("box", kQuiet, {}));
      }
      world_.host.CutAfter(step);
      const bool done = actions[action]().ok();
      world_.host.Mend();
      EXPECT_TRUE(Eventually([&] { return vms_->CollectGarbage(); }));
      ASSERT_TRUE(Eventually([&] {
        const VmState state = StateOf("box");
        return state != VmState::kStopping && state != VmState::kStarting;
      }));
      const bool exists = vms_->Get("box").ok();
      if (action == 0) {
        EXPECT_EQ(exists, done);
        if (exists) {
          ASSERT_OK(vms_->Delete("box", true, {}));
        }
      }
      if (action == 0 || !exists) {
        ExpectNothingLeft();
      } else {
        ASSERT_OK(vms_->Start("box", kQuiet, {}));
        EXPECT_EQ(StateOf("box"), VmState::kRunning);
      }
    }
  }
  vms_->Delete("box", true, {}).IgnoreError();
  ExpectNothingLeft();
}

TEST_F(VmFaultsTest, RunningVmsAreTakenOverAndDeadOnesMarked) {
  ASSERT_OK_AND_ASSIGN(const VmView alive, Create("alive"));
  ASSERT_OK_AND_ASSIGN(const VmView dead, Create("dead"));
  world_.vmm.Restart();
  vms_.reset();
  world_.things.Remove("process " + dead.vm.uid);  // while vmd was away
  RestartVmd();
  EXPECT_EQ(StateOf("alive"), VmState::kRunning);
  EXPECT_OK(vms_->RequireRunning("alive"));
  EXPECT_EQ(StateOf("dead"), VmState::kStopped);
  EXPECT_THAT(world_.things.Of("tap"), ElementsAre(alive.vm.uid));
}

TEST_F(VmFaultsTest, ADeleteThatTheStoreHasNoRoomForIsFinishedLater) {
  ASSERT_OK(Create("box"));
  for (const char* write : {"Update", "Strike", "Delete"}) world_.host.FailAt(write, DiskFull("no space"));
  EXPECT_EQ(ErrorReason(vms_->Delete("box", true, {})), "DISK_FULL");
  // Its disks have gone, to make room: nobody is told that it is whole.
  EXPECT_EQ(StateOf("box"), VmState::kStopping);
  EXPECT_EQ(ErrorReason(vms_->Start("box", kQuiet, {}).status()), "VM_DELETED");
  world_.host.Mend();
  // What the VMM's end has to do for this VM may still be at work.
  EXPECT_TRUE(Eventually([this] { return vms_->CollectGarbage(); }));
  ExpectNothingLeft();
}

TEST_F(VmFaultsTest, AVmmThatCannotBeTakenOverYetIsNotLost) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
  world_.vmm.Restart();
  vms_.reset();
  world_.host.FailAt("Adopt", absl::UnavailableError("its socket takes nobody"));
  StartVmd();
  ASSERT_OK(vms_->Recover());
  EXPECT_FALSE(vms_->CollectGarbage());
  EXPECT_EQ(StateOf("box"), VmState::kRunning);
  EXPECT_THAT(vms_->Get("box")->vm.state_detail, HasSubstr("its socket takes nobody"));
  world_.host.Mend();
  EXPECT_TRUE(vms_->CollectGarbage());
  EXPECT_EQ(vms_->Get("box")->pid, 42);
  EXPECT_EQ(vms_->Get("box")->vm.state_detail, "");
  EXPECT_TRUE(world_.things.Has("process " + box.vm.uid));
}

TEST_F(VmFaultsTest, WhatBelongsToUnknownVmsIsCollected) {
  for (const char* kind : {"lease", "endpoint", "disks"})
    world_.things.Add(std::string(kind) + " 0123456789ab");
  ASSERT_OK(Create("box", true));
  EXPECT_TRUE(vms_->CollectGarbage());
  EXPECT_EQ(world_.things.All().size(), 2u);  // lease and disks of the VM that there is
}

}  // namespace
}  // namespace banger::vmd
