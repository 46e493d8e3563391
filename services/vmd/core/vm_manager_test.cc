#include "services/vmd/core/vm_manager.h"

#include <atomic>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "services/vmd/testing/manager_fixture.h"

namespace banger::vmd {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class VmManagerTest : public ManagerFixture {};

TEST_F(VmManagerTest, ANewVmdKnowsTheEnvironmentOfTheVmsItTakesOver) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
  world_.guests.opened.clear();
  RestartVmd();
  EXPECT_THAT(world_.guests.opened[box.vm.uid].env, ElementsAre("LANG=C"));
}

TEST_F(VmManagerTest, EachStageOfACreateIsToldOnce) {
  std::vector<std::string> stages;
  ASSERT_OK(
      vms_->Create({.name = "box"}, [&](const Progress& progress) { stages.push_back(progress.stage); }, {}));
  EXPECT_THAT(stages, ElementsAre("acquire image", "make disks", "reserve address", "attach network", "start",
                                  "boot", "configure"));
}

TEST_F(VmManagerTest, OnlySoManyVmsBootAtATimeAndOthersCanStopWaiting) {
  world_.guests.boot = FakeGuests::Boot::kHangs;
  std::vector<std::jthread> boots;
  for (int i = 0; i < 8; ++i)  // twice the CPUs
    boots.emplace_back([this, i](const std::stop_token& stop) {
      vms_->Create({.name = absl::StrCat("vm-", i)}, kQuiet, stop).status().IgnoreError();
    });
  ASSERT_TRUE(Eventually([&] { return world_.guests.waiting.All().size() == 8; }));

  std::stop_source leave;
  std::atomic<bool> waits = false;
  const ProgressFn note = [&](const Progress& progress) {
    if (progress.detail == "waiting for other VMs to boot") waits = true;
  };
  absl::Status left;
  std::jthread ninth([&] { left = vms_->Create({.name = "ninth"}, note, leave.get_token()).status(); });
  ASSERT_TRUE(Eventually([&] { return waits.load(); }));
  EXPECT_EQ(world_.guests.waiting.All().size(), 8u);
  leave.request_stop();
  ninth.join();
  EXPECT_THAT(left, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_THAT(Names(), Not(Contains("ninth")));

  // A boot that ends lets the next one begin.
  std::jthread tenth([&](const std::stop_token& stop) {
    vms_->Create({.name = "tenth"}, kQuiet, stop).status().IgnoreError();
  });
  boots.front().request_stop();
  boots.front().join();
  EXPECT_TRUE(Eventually([&] {
    const auto view = vms_->Get("tenth");
    return view.ok() && world_.guests.waiting.Has(view->vm.uid);
  }));
}

TEST_F(VmManagerTest, ACreatedVmRunsAndDeleteLeavesNothing) {
  ASSERT_OK_AND_ASSIGN(const VmView created, Create("box"));
  EXPECT_EQ(created.vm.state, VmState::kRunning);
  EXPECT_EQ(created.vm.image, "mini");
  EXPECT_EQ(created.vm.address, "172.30.0.2");
  EXPECT_EQ(created.pid, 42);
  ASSERT_EQ(world_.guests.configured.size(), 1u);
  EXPECT_EQ(world_.guests.configured[0].hostname, "box");
  EXPECT_EQ(world_.guests.configured[0].address, "172.30.0.2/24");
  EXPECT_EQ(world_.things.All().size(), 5u);

  EXPECT_EQ(ErrorReason(vms_->Delete("box", false, {})), "VM_RUNNING");
  ASSERT_OK(vms_->Delete("box", true, {}));
  ExpectNothingLeft();
}

TEST_F(VmManagerTest, WithoutNetdAVmHasItsOwnNetworkAndSaysSo) {
  world_.network.present = false;
  std::vector<Progress> progress;
  ASSERT_OK_AND_ASSIGN(const VmView created,
                       vms_->Create({.name = "box"}, [&](const Progress& p) { progress.push_back(p); }, {}));
  EXPECT_EQ(created.vm.network_mode, NetworkMode::kUser);
  EXPECT_EQ(created.vm.address, "");
  EXPECT_THAT(progress, Contains(::testing::Field(&Progress::warning, true)));
  ASSERT_OK(vms_->Delete("box", true, {}));
  ExpectNothingLeft();
}

TEST_F(VmManagerTest, AVmHasItsNameInTheNetworkAndTheNetworksNameserver) {
  ASSERT_OK(Create("box"));
  EXPECT_EQ(world_.network.last_hostname, "box");
  EXPECT_EQ(world_.guests.configured.back().nameserver, "172.30.0.1");
}

TEST_F(VmManagerTest, WrongInputLeavesNoTrace) {
  EXPECT_EQ(ErrorReason(Create("Bad_Name").status()), "VM_NAME_INVALID");
  EXPECT_EQ(ErrorReason(Create("0123456789ab").status()), "VM_NAME_INVALID");  // may be another's uid
  EXPECT_EQ(ErrorReason(vms_->Create({.name = "a", .sizes = {.memory_mib = 0}}, kQuiet, {}).status()),
            "VM_SIZE_INVALID");
  EXPECT_EQ(ErrorReason(vms_->Get("a").status()), "VM_NOT_FOUND");
  ExpectNothingLeft();
}

TEST_F(VmManagerTest, FindsByNameUidAndUnambiguousPrefix) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box", true));
  EXPECT_OK(vms_->Get(box.vm.uid));
  EXPECT_OK(vms_->Get(box.vm.uid.substr(0, 6)));
  // Seventeen uids share a first digit somewhere.
  for (int i = 0; i < 16; ++i) ASSERT_OK(Create("", true));
  bool ambiguous = false;
  for (const char c : std::string("0123456789abcdef"))
    ambiguous |= ErrorReason(vms_->Get(std::string(1, c)).status()) == "VM_NAME_AMBIGUOUS";
  EXPECT_TRUE(ambiguous);
}

TEST_F(VmManagerTest, OneOfAHundredCreatesOfANameWins) {
  std::atomic<int> made = 0;
  std::atomic<int> refused = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < 100; ++i)
    callers.emplace_back([&] {
      const auto created = Create("box");
      made += created.ok();
      refused += ErrorReason(created.status()) == "VM_EXISTS";
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(made, 1);
  EXPECT_EQ(refused, 99);
  ASSERT_OK(vms_->Delete("box", true, {}));
  ExpectNothingLeft();
}

TEST_F(VmManagerTest, AWedgedBootBlocksNobodyAndAForcedDeleteEndsIt) {
  world_.guests.boot = FakeGuests::Boot::kHangs;
  absl::Status result;
  std::thread creator([&] { result = Create("wedged").status(); });
  ASSERT_TRUE(Eventually([&] { return !world_.guests.waiting.All().empty(); }));
  world_.guests.boot = FakeGuests::Boot::kReady;

  EXPECT_THAT(Names(), ElementsAre("wedged"));
  EXPECT_EQ(StateOf("wedged"), VmState::kStarting);
  ASSERT_OK(Create("other"));
  std::stop_source impatient;
  impatient.request_stop();
  EXPECT_THAT(vms_->Stop("wedged", 1s, impatient.get_token()), StatusIs(absl::StatusCode::kCancelled));
  // Nor the others' housekeeping.
  EXPECT_TRUE(vms_->CollectGarbage());
  world_.network.LoseLedger();
  vms_->RemindNetwork();
  EXPECT_EQ(world_.network.hostnames[vms_->Get("other")->vm.uid], "other");

  ASSERT_OK(vms_->Delete("wedged", true, {}));
  creator.join();
  EXPECT_EQ(ErrorReason(result), "VM_DELETED");
  ASSERT_OK(vms_->Delete("other", true, {}));
  ExpectNothingLeft();
}

TEST_F(VmManagerTest, ACancelledCreateLeavesNothing) {
  world_.guests.boot = FakeGuests::Boot::kHangs;
  std::stop_source caller;
  absl::Status result;
  std::thread creator([&] { result = vms_->Create({.name = "box"}, kQuiet, caller.get_token()).status(); });
  ASSERT_TRUE(Eventually([&] { return !world_.guests.waiting.All().empty(); }));
  caller.request_stop();
  creator.join();
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kCancelled));
  ExpectNothingLeft();
}

TEST_F(VmManagerTest, AVmWhoseKernelPanicsIsKeptForItsLog) {
  world_.guests.boot = FakeGuests::Boot::kPanics;
  const absl::Status result = Create("box").status();
  EXPECT_THAT(result, StatusIs(absl::StatusCode::kDeadlineExceeded, HasSubstr("no root")));
  EXPECT_EQ(ErrorReason(result), "VM_NOT_READY");
  ASSERT_OK_AND_ASSIGN(const VmView kept, vms_->Get("box"));
  EXPECT_EQ(kept.vm.state, VmState::kError);
  EXPECT_THAT(kept.vm.state_detail, HasSubstr("no root"));
  EXPECT_EQ(kept.pid, 0);
  EXPECT_EQ(world_.things.Of("disks").size(), 1u);
  EXPECT_THAT(world_.things.Of("process"), IsEmpty());

  world_.guests.boot = FakeGuests::Boot::kReady;
  ASSERT_OK(vms_->Start("box", kQuiet, {}));
  EXPECT_EQ(StateOf("box"), VmState::kRunning);
  ASSERT_OK(vms_->Delete("box", true, {}));
  ExpectNothingLeft();
}

TEST_F(VmManagerTest, KillIsAWayOutOfAWedgedBoot) {
  world_.guests.boot = FakeGuests::Boot::kHangs;
  absl::Status result;
  std::thread creator([&] { result = Create("box").status(); });
  ASSERT_TRUE(Eventually([&] { return !world_.guests.waiting.All().empty(); }));
  EXPECT_EQ(ErrorReason(vms_->Kill("box", 11).status()), "SIGNAL_INVALID");
  ASSERT_OK(vms_->Kill("box", 0));
  creator.join();
  EXPECT_EQ(ErrorReason(result), "VM_NOT_READY");
  EXPECT_EQ(StateOf("box"), VmState::kError);
}

TEST_F(VmManagerTest, StopAsksThenPressesTheButtonThenKills) {
  ASSERT_OK(Create("box"));
  ASSERT_OK(vms_->Stop("box", 10s, {}));
  EXPECT_EQ(StateOf("box"), VmState::kStopped);
  ASSERT_OK(vms_->Stop("box", 10s, {}));

  ASSERT_OK(vms_->Start("box", kQuiet, {}));
  world_.guests.power = FakeGuests::Power::kUnreachable;
  ASSERT_OK_AND_ASSIGN(const VmView stopped, vms_->Stop("box", 1ms, {}));
  EXPECT_THAT(world_.vmm.powered_down.All(), Contains(stopped.vm.uid));
  EXPECT_EQ(stopped.vm.state, VmState::kStopped);
  EXPECT_THAT(stopped.vm.state_detail, HasSubstr("killed"));
  EXPECT_THAT(world_.things.Of("process"), IsEmpty());
  EXPECT_THAT(world_.things.Of("tap"), IsEmpty());
  EXPECT_EQ(world_.things.Of("disks").size(), 1u);
}

TEST_F(VmManagerTest, AGuestThatEndsByItselfIsStoppedAndCleanedUp) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
  world_.vmm.End(box.vm.uid, {VmmExit::Kind::kPoweredOff, ""});
  EXPECT_EQ(StateOf("box"), VmState::kStopped);
  EXPECT_TRUE(Eventually([&] { return world_.things.Of("tap").empty(); }));
  EXPECT_EQ(ErrorReason(vms_->RequireRunning("box").status()), "VM_NOT_RUNNING");
}

TEST_F(VmManagerTest, AGuestThatPanicsIsInErrorAndSaysWhy) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
  world_.vmm.End(box.vm.uid, {VmmExit::Kind::kPanicked, "Kernel panic - not syncing: Oops"});
  ASSERT_OK_AND_ASSIGN(const VmView after, vms_->Get("box"));
  EXPECT_EQ(after.vm.state, VmState::kError);
  EXPECT_THAT(after.vm.state_detail, HasSubstr("Oops"));
}

TEST_F(VmManagerTest, AGuestThatRebootsRunsAgain) {
  ASSERT_OK_AND_ASSIGN(const VmView box, Create("box"));
  world_.vmm.End(box.vm.uid, {VmmExit::Kind::kRebooted, ""});
  EXPECT_TRUE(Eventually([&] { return StateOf("box") == VmState::kRunning; }));
  EXPECT_EQ(world_.vmm.launched.size(), 2u);
}

}  // namespace
}  // namespace banger::vmd
