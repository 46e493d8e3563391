// Whatever dies, or runs out of disk, at whatever step of an operation: no VM is
// lost, none is left that nobody knows, nothing stays on the host. Each case is an
// operation, what goes wrong, and the step of vmd's at which it does. All steps with
// BANGER_FAULTS=all (hours), else one of each case.
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <ostream>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/agent_bomb.h"
#include "tests/e2e/shared_instance.h"
#include "tests/e2e/step_gate.h"

namespace banger::e2e {
namespace {

using namespace std::chrono_literals;

struct Operation {
  const char* name;
  std::vector<std::string> command;  // Create's without the image
  bool is_running;                   // else "box" is stopped before
};

void PrintTo(const Operation& operation, std::ostream* out) { *out << operation.name; }

// But for Create, "box" is there before; for Restore, it has a snapshot.
const Operation kOperations[] = {
    {"Create", {"vm", "create", "--name", "box", "--image"}, false},
    {"Start", {"vm", "start", "box"}, false},
    {"Stop", {"vm", "stop", "box"}, true},
    {"Snapshot", {"vm", "snapshot", "create", "box", "base"}, true},
    {"Restore", {"vm", "restore", "box", "base"}, true},
    {"Clone", {"vm", "clone", "box", "twin"}, true},
    {"Delete", {"vm", "delete", "--force", "box"}, true},
};

// "vmd" dies at the step itself; others die while vmd waits before it; "disk" is
// full from then on.
constexpr const char* kVictims[] = {"vmd", "disk", "vmm", "netd", "imaged", "agent"};

// A guest that is still booting has its agent soon or not at all.
constexpr std::chrono::seconds kAgentTimeout{20};

using Case = std::tuple<Operation, const char*>;

class FaultMatrixTest : public SharedInstanceTest, public ::testing::WithParamInterface<Case> {
 protected:
  static void SetUpTestSuite() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return;  // they want to be loaded first themselves
#endif
    auto gate = StepGate::Create(std::filesystem::path(::testing::TempDir()) /
                                 absl::StrCat("banger-steps-", ::getpid()));
    ASSERT_OK(gate);
    gate_ = new StepGate(*std::move(gate));
    StartInstance({.environment = {{"vmd", gate_->Environment("banger-vmd")}}});
  }
  static void TearDownTestSuite() {
    SharedInstanceTest::TearDownTestSuite();
    delete gate_;
    gate_ = nullptr;
  }
  void SetUp() override {
    if (gate_ == nullptr) GTEST_SKIP() << "not with a sanitizer";
    ASSERT_NE(instance_, nullptr);
    if ((victim_ == "netd" || victim_ == "agent") && ::geteuid() != 0) GTEST_SKIP() << "netd needs root";
    if (image_ == "armed" && !Run({"image", "show", image_}).status.success()) {
      ASSERT_OK(ImportArmedImage(*instance_, image_));
    }
    empty_ = instance_->Snapshot();
    if (Is("Create")) return;
    // What is written before counts as the user's work.
    ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", image_}));
    Exec("box", "echo precious > /root/work");
    if (Is("Restore")) {
      ASSERT_TRUE(Succeeds({"vm", "snapshot", "create", "box", "base"}));
    }
    ASSERT_TRUE(Succeeds({"vm", "stop", "box"}));
    stopped_ = instance_->Snapshot();
  }
  void TearDown() override {
    if (instance_ == nullptr) return;
    for (const char* vm : {"box", "twin"}) Run({"vm", "delete", "--force", vm});
    ExpectHost(empty_);
  }

  static std::string State(const std::string& vm = "box") {
    const nlohmann::json shown = Show(vm);
    return shown.is_object() ? shown.value("state", "") : "";
  }
  // What could not be given back at once is given back within half a minute.
  static void ExpectHost(const HostSnapshot& expected) {
    EXPECT_TRUE(Eventually([&] { return instance_->Snapshot() == expected; }, 60s))
        << Changes(expected, instance_->Snapshot());
  }

  bool Is(const char* operation) const { return std::string(operation_.name) == operation; }
  enum class Fault { kNone, kMissed, kHit };
  // kNone when the operation was over before that step, kMissed when the victim did not
  // run then.
  Fault RunWithFault(int step);
  bool Hit();
  // Whatever was promised holds, and nothing needs more than the usual commands.
  void CheckVms();
  void CheckSnapshot();
  // Half a VM is soon gone; one that starts was whole.
  static void ExpectWholeOrGone(const std::string& vm);
  // It starts and stops; with the user's work where there was some.
  void ExpectUsable(const std::string& vm);

  const Operation operation_ = std::get<0>(GetParam());
  const std::string victim_ = std::get<1>(GetParam());
  const std::string image_ = victim_ == "agent" ? "armed" : "mini";
  bool succeeded_ = false;  // as the client was told
  HostSnapshot empty_;      // without the VM
  HostSnapshot stopped_;    // with it

  static inline StepGate* gate_ = nullptr;
};

pid_t VmmOf(const std::filesystem::path& root) {
  std::error_code error;
  for (const auto& entry : std::filesystem::directory_iterator("/proc", error)) {
    const auto command_line = ReadFile(entry.path() / "cmdline");
    if (command_line.ok() && absl::StrContains(*command_line, "/usr/bin/qemu") &&
        absl::StrContains(*command_line, root.string()))
      return std::atoi(entry.path().filename().c_str());
  }
  return 0;
}

// Whether there was what it hits.
bool FaultMatrixTest::Hit() {
  if (victim_ == "disk") return true;  // it is full until the operation is over
  if (victim_ == "vmm") {
    const pid_t vmm = VmmOf(instance_->root());
    const bool killed = vmm > 0 && ::kill(vmm, SIGKILL) == 0;
    gate_->Release();
    return killed;
  }
  if (victim_ == "agent") {
    // Where there is no VMM there is none; what its supervisor starts again is one.
    bool killed = false;
    Eventually([&] { return (killed = KillAgents() > 0) || VmmOf(instance_->root()) == 0; }, kAgentTimeout);
    gate_->Release();
    return killed;
  }
  instance_->CrashDaemon(victim_);
  gate_->Release();
  EXPECT_OK(instance_->StartDaemon(victim_));
  return true;
}

FaultMatrixTest::Fault FaultMatrixTest::RunWithFault(int step) {
  const AtStep what = victim_ == "vmd" ? AtStep::kDie : victim_ == "disk" ? AtStep::kFull : AtStep::kWait;
  gate_->Arm(step, what);
  std::vector<std::string> command = operation_.command;
  if (Is("Create")) command.push_back(image_);
  absl::StatusOr<Subprocess> client = instance_->StartBanger(command);
  EXPECT_OK(client);
  const int over = client->pidfd();
  EXPECT_TRUE(Eventually([&] { return gate_->reached() || WaitForProcessEnd(over, 0ms); }, 120s));
  const bool reached = gate_->reached();
  const bool hit = reached && Hit();
  EXPECT_TRUE(Eventually([&] { return WaitForProcessEnd(over, 0ms); }, 180s)) << "the client hangs";
  gate_->Release();
  const absl::StatusOr<ExitStatus> status = client->Wait();
  succeeded_ = status.ok() && status->success();
  return !reached ? Fault::kNone : hit ? Fault::kHit : Fault::kMissed;
}

void FaultMatrixTest::ExpectUsable(const std::string& vm) {
  Succeeds({"vm", "start", vm});
  if (Is("Create")) {
    Succeeds({"vm", "exec", vm, "--", "true"});
  } else {
    EXPECT_EQ(Exec(vm, "cat /root/work"), "precious\n");
  }
  Succeeds({"vm", "stop", vm});
}

void FaultMatrixTest::ExpectWholeOrGone(const std::string& vm) {
  EXPECT_TRUE(Eventually(
      [&] {
        return State(vm).empty() || Run({"vm", "start", vm}).status.success();
      },
      60s))
      << "half of '" << vm << "' is left: " << Run({"vm", "start", vm}).err;
}

void FaultMatrixTest::CheckSnapshot() {
  const CommandResult listed = Run({"vm", "snapshot", "list", "box"});
  const bool exists = absl::StrContains(listed.out, "base");
  EXPECT_TRUE(exists || !succeeded_) << "a snapshot is lost";
  if (!exists) return;
  Succeeds({"vm", "restore", "box", "base"});
  EXPECT_EQ(Exec("box", "cat /root/work"), "precious\n");
  Succeeds({"vm", "snapshot", "delete", "box", "base"});
}

void FaultMatrixTest::CheckVms() {
  EXPECT_TRUE(Eventually([] {
    const std::string state = State();
    return state != "STATE_STARTING" && state != "STATE_STOPPING";
  })) << "it is stuck";
  if (Is("Create") || Is("Delete")) ExpectWholeOrGone("box");
  if (Is("Clone")) ExpectWholeOrGone("twin");
  const bool exists = !State().empty();
  if (Is("Create")) {
    EXPECT_TRUE(exists || !succeeded_) << "a VM is lost";
  } else if (Is("Delete")) {
    EXPECT_TRUE(!exists || !succeeded_) << "a ghost is left";
  } else {
    ASSERT_TRUE(exists) << "a VM is lost";
  }
  if (Is("Snapshot")) CheckSnapshot();
  if (Is("Clone")) {
    const bool cloned = !State("twin").empty();
    EXPECT_TRUE(cloned || !succeeded_) << "a clone is lost";
    if (cloned) ExpectUsable("twin");
    if (cloned) Succeeds({"vm", "delete", "twin"});
  }
  if (exists) ExpectUsable("box");
  if (exists && !Is("Create")) ExpectHost(stopped_);
  if (exists && Is("Create")) Succeeds({"vm", "delete", "box"});
  if (Is("Create")) ExpectHost(empty_);
}

TEST_P(FaultMatrixTest, NothingIsLostAndNothingIsLeft) {
  const char* wanted = std::getenv("BANGER_FAULTS");
  const bool all = wanted != nullptr && std::string(wanted) == "all";
  // One that differs from case to case, so that few reach many.
  int step = all ? 1 : 1 + static_cast<int>((victim_.size() + operation_.name[0]) % 9);
  int hits = 0;
  for (Fault fault = Fault::kHit; fault != Fault::kNone && !HasFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("at step ", step));
    if (!Is("Create") && State().empty()) SetUp();
    if (operation_.is_running) Succeeds({"vm", "start", "box"});
    fault = RunWithFault(step);
    CheckVms();
    if (fault != Fault::kHit) continue;
    ++hits;
    if (!all) break;
  }
  RecordProperty("steps", step - 1);
  RecordProperty("hits", hits);
  EXPECT_GT(hits, 0) << "nothing was there to be hit at any of " << step - 1 << " steps";
}

INSTANTIATE_TEST_SUITE_P(All, FaultMatrixTest,
                         ::testing::Combine(::testing::ValuesIn(kOperations), ::testing::ValuesIn(kVictims)),
                         [](const auto& one) {
                           return absl::StrCat(std::get<0>(one.param).name, "And", std::get<1>(one.param));
                         });

}  // namespace
}  // namespace banger::e2e
