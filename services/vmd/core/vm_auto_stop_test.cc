// VMs that nobody touches are stopped, others never.
#include <optional>

#include "common/testing/eventually.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
class VmAutoStopTest : public ManagerFixture {
 protected:
  void SetUp() override {
    stale_after_ = 2h;
    RestartVmd();
    ASSERT_OK(Create("box"));
  }
  // Time passes, and vmd looks.
  void After(std::chrono::seconds time) {
    world_.clock.seconds += time.count();
    vms_->StopStale();
  }
  bool Stops() {
    return Eventually([&] { return StateOf("box") == VmState::kStopped; });
  }
  void ExpectRuns() {
    EXPECT_EQ(StateOf("box"), VmState::kRunning);
    EXPECT_TRUE(world_.things.Has("process " + vms_->Get("box")->vm.uid));
  }
};

TEST_F(VmAutoStopTest, OneThatNobodyTouchedIsStoppedAndSaysWhy) {
  After(2h - 1s);
  ExpectRuns();
  After(1s);
  ASSERT_TRUE(Stops());
  EXPECT_TRUE(
      Eventually([&] { return vms_->Get("box")->vm.state_detail == "stopped: nobody has used it for 2h"; }));
}

TEST_F(VmAutoStopTest, ATouchCountsFromItsEndAndAUseKeepsItUp) {
  After(1h);
  {
    const auto use = vms_->RequireRunning("box");
    ASSERT_OK(use.status());
    After(10h);
    ExpectRuns();
  }
  After(2h - 1s);
  ExpectRuns();
  After(1s);
  EXPECT_TRUE(Stops());
}

TEST_F(VmAutoStopTest, WhoComesAtTheLastMomentIsServed) {
  std::optional<VmInUse> use;
  world_.host.OnceAt("ChangeState", [&] {
    auto begun = vms_->RequireRunning("box");
    ASSERT_OK(begun);
    use.emplace(*std::move(begun));
  });
  After(2h);
  ASSERT_TRUE(Eventually([&] { return use.has_value() && StateOf("box") == VmState::kRunning; }));
  ASSERT_OK(vms_->Update("box", {.nat = true}, {}));  // after the attempt to stop it
  ExpectRuns();
}

TEST_F(VmAutoStopTest, AStartIsATouch) {
  ASSERT_OK(vms_->Stop("box", 0s, {}));
  After(5h);
  ASSERT_OK(vms_->Start("box", kQuiet, {}));
  After(1h);
  ExpectRuns();
}

TEST_F(VmAutoStopTest, WhatWasTouchedOutlivesVmd) {
  After(1h);
  EXPECT_OK(vms_->RequireRunning("box").status());
  After(1min);
  RestartVmd();
  After(2h - 2min);
  ExpectRuns();
  After(2min);
  EXPECT_TRUE(Stops());
}

TEST_F(VmAutoStopTest, OffMeansNever) {
  stale_after_ = 0s;
  RestartVmd();
  After(10000h);
  ExpectRuns();
}

}  // namespace
}  // namespace banger::vmd
