// What VMs use, and what of them is stuck.
#include "services/vmd/core/stats_keeper.h"

#include "common/testing/eventually.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr pid_t kPid = 42;  // of every fake VMM

class StatsKeeperTest : public ManagerFixture {
 protected:
  void SetCpu(std::chrono::seconds at, std::chrono::milliseconds cpu, bool stopped = false) {
    world_.meter.Set(kPid, {.when = std::chrono::steady_clock::time_point(at),
                            .cpu_time = cpu,
                            .memory_bytes = 5,
                            .stopped = stopped});
  }
  std::string Detail() { return vms_->Get("box")->vm.state_detail; }

  StatsKeeper keeper_{*vms_, world_.meter, world_.guests, world_.clock};
};

TEST_F(StatsKeeperTest, CpuIsThatSinceTheLastSample) {
  ASSERT_OK(Create("box"));
  SetCpu(10s, 1000ms);
  keeper_.Sample();
  EXPECT_EQ(keeper_.Of("box")->cpu_percent, std::nullopt);
  SetCpu(12s, 4000ms);
  EXPECT_DOUBLE_EQ(keeper_.Of("box")->cpu_percent.value_or(0), 150.0);
  // A sample of just now tells nothing, the one before does.
  keeper_.Sample();
  EXPECT_DOUBLE_EQ(keeper_.Of("box")->cpu_percent.value_or(0), 150.0);
  // Another process, after a restart.
  SetCpu(20s, 10ms);
  EXPECT_EQ(keeper_.Of("box")->cpu_percent, std::nullopt);
}

TEST_F(StatsKeeperTest, WhatTheGuestSaysComesByAndByAndStaysWhileItIsSilent) {
  ASSERT_OK(Create("box"));
  SetCpu(10s, 0ms);
  EXPECT_EQ(keeper_.Of("box")->host->memory_bytes, 5);
  keeper_.Sample();
  ASSERT_TRUE(Eventually([&] { return keeper_.Of("box")->guest.has_value(); }));
  EXPECT_EQ(keeper_.Of("box")->guest->memory_available_bytes, 40);

  world_.host.FailAt("Usage", absl::DeadlineExceededError("no answer"));
  VmEvents::Position position = vms_->events().Now();
  keeper_.Sample();
  ASSERT_TRUE(Eventually([&] { return !Detail().empty(); }));
  EXPECT_EQ(Detail(), "its agent has not answered since 2023-11-14 22:13:05 UTC");
  EXPECT_TRUE(keeper_.Of("box")->guest.has_value());
  EXPECT_EQ(vms_->RequireRunning("box")->state, VmState::kRunning);
  EXPECT_EQ((*vms_->events().Next(position, {}))->vm.name, "box");

  world_.host.Mend();
  ASSERT_TRUE(Eventually([&] {
    keeper_.Sample();
    return Detail().empty();
  }));
}

TEST_F(StatsKeeperTest, AStoppedVmmIsNamedAtOnce) {
  ASSERT_OK(Create("box"));
  SetCpu(10s, 0ms, /*stopped=*/true);
  keeper_.Sample();
  EXPECT_THAT(Detail(), HasSubstr("its VMM (process 42) is stopped by a signal"));
  SetCpu(11s, 0ms);
  keeper_.Sample();
  EXPECT_EQ(Detail(), "");
}

TEST_F(StatsKeeperTest, OnlyWhatRunsIsMeasuredAndWhatStoppedIsForgotten) {
  ASSERT_OK(Create("box"));
  ASSERT_OK(Create("idle", /*no_start=*/true));
  SetCpu(10s, 0ms, /*stopped=*/true);
  keeper_.Sample();
  EXPECT_THAT(*keeper_.OfAll(), SizeIs(1));
  ASSERT_OK(vms_->Stop("box", 0ms, {}));
  keeper_.Sample();
  EXPECT_THAT(*keeper_.OfAll(), IsEmpty());
  EXPECT_FALSE(keeper_.Of("idle")->host.has_value());
  ASSERT_OK(vms_->Start("box", kQuiet, {}));
  EXPECT_EQ(Detail(), "");
  EXPECT_THAT(keeper_.Of("ghost"), StatusIs(absl::StatusCode::kNotFound));
}

}  // namespace
}  // namespace banger::vmd
