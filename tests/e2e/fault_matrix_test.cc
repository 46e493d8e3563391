// Whatever dies, or runs out of disk, at whatever step of an operation: no VM is
// lost, none is left that nobody knows, nothing stays on the host. Each case is an
// operation, what goes wrong, and the step of vmd's at which it does. All steps with
// BANGER_FAULTS=all (an hour), else one of each case.
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/agent_bomb.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/step_gate.h"

namespace banger::e2e {
namespace {

using namespace std::chrono_literals;

struct Operation {
  const char* name;
  std::vector<std::string> command;  // without the image
  bool has_vm;                       // "box" is there before
  bool is_running;
};

const Operation kOperations[] = {
    {"Create", {"vm", "create", "--name", "box", "--image"}, false, false},
    {"Start", {"vm", "start", "box"}, true, false},
    {"Stop", {"vm", "stop", "box"}, true, true},
    {"Delete", {"vm", "delete", "--force", "box"}, true, true},
};

// "vmd" dies at the step itself; others die while vmd waits before it; "disk" is
// full from then on.
constexpr const char* kVictims[] = {"vmd", "disk", "vmm", "netd", "imaged", "agent"};

// A guest that is still booting has its agent soon or not at all.
constexpr std::chrono::seconds kAgentTimeout{20};

using Case = std::tuple<Operation, const char*>;

class FaultMatrixTest : public ::testing::TestWithParam<Case> {
 protected:
  static void SetUpTestSuite() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    return;  // they want to be loaded first themselves
#endif
    auto gate = StepGate::Create(std::filesystem::path(::testing::TempDir()) /
                                 absl::StrCat("banger-steps-", ::getpid()));
    ASSERT_OK(gate);
    gate_ = new StepGate(*std::move(gate));
    auto instance = Instance::Start({.environment = {{"vmd", gate_->Environment("banger-vmd")}}});
    ASSERT_OK(instance);
    instance_ = new Instance(*std::move(instance));
    ASSERT_OK(instance_->ImportKernel());
    ASSERT_OK(instance_->WarmUp());
  }
  static void TearDownTestSuite() {
    delete instance_;
    delete gate_;
    instance_ = nullptr;
  }
  void SetUp() override {
    if (instance_ == nullptr) GTEST_SKIP() << "not with a sanitizer";
    if ((victim_ == "netd" || victim_ == "agent") && ::geteuid() != 0) GTEST_SKIP() << "netd needs root";
    if (image_ == "armed" && Run({"image", "show", image_}).status.code != 0) {
      ASSERT_OK(ImportArmedImage(*instance_, image_));
    }
    empty_ = instance_->Snapshot();
    if (!operation_.has_vm) return;
    // What is written before counts as the user's work.
    Succeed({"vm", "create", "--name", "box", "--image", image_});
    Succeed({"vm", "exec", "box", "--", "sh", "-c", "echo precious > /root/work"});
    Succeed({"vm", "stop", "box"});
    stopped_ = instance_->Snapshot();
  }
  void TearDown() override {
    if (instance_ == nullptr) return;
    Run({"vm", "delete", "--force", "box"});
    ExpectHost(empty_);
  }

  static CommandResult Run(std::vector<std::string> arguments) {
    return instance_->Banger(std::move(arguments));
  }
  static void Succeed(std::vector<std::string> arguments) {
    const CommandResult result = Run(arguments);
    EXPECT_EQ(result.status.code, 0) << arguments[1] << ": " << result.err;
  }
  static std::string State() {
    const auto shown = nlohmann::json::parse(Run({"vm", "show", "box"}).out, nullptr, false);
    return shown.is_object() ? shown.value("state", "") : "";
  }
  // What could not be given back at once is given back within half a minute.
  static void ExpectHost(const HostSnapshot& expected) {
    EXPECT_TRUE(Eventually([&] { return instance_->Snapshot() == expected; }, 60s))
        << Changes(expected, instance_->Snapshot());
  }

  // False when the operation was over before that step.
  bool RunWithFault(int step);
  void Hit();
  void CheckVm();

  const Operation operation_ = std::get<0>(GetParam());
  const std::string victim_ = std::get<1>(GetParam());
  const std::string image_ = victim_ == "agent" ? "armed" : "mini";
  bool succeeded_ = false;  // as the client was told
  HostSnapshot empty_;      // without the VM
  HostSnapshot stopped_;    // with it

  static StepGate* gate_;
  static Instance* instance_;
};

StepGate* FaultMatrixTest::gate_ = nullptr;
Instance* FaultMatrixTest::instance_ = nullptr;

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

void FaultMatrixTest::Hit() {
  if (victim_ == "disk") return;  // it is full until the operation is over
  if (victim_ == "vmm") {
    if (const pid_t vmm = VmmOf(instance_->root()); vmm > 0) ::kill(vmm, SIGKILL);
    gate_->Release();
    return;
  }
  if (victim_ == "agent") {
    // Where there is no VMM there is none; what its supervisor starts again is one.
    Eventually([&] { return VmmOf(instance_->root()) == 0 || KillAgents() > 0; }, kAgentTimeout);
    gate_->Release();
    return;
  }
  instance_->CrashDaemon(victim_);
  gate_->Release();
  ASSERT_OK(instance_->StartDaemon(victim_));
}

bool FaultMatrixTest::RunWithFault(int step) {
  const AtStep what = victim_ == "vmd" ? AtStep::kDie : victim_ == "disk" ? AtStep::kFull : AtStep::kWait;
  gate_->Arm(step, what);
  std::vector<std::string> command = operation_.command;
  if (!operation_.has_vm) command.push_back(image_);
  absl::StatusOr<Subprocess> client = instance_->StartBanger(command);
  EXPECT_OK(client);
  const int over = client->pidfd();
  EXPECT_TRUE(Eventually([&] { return gate_->reached() || WaitForProcessEnd(over, 0ms); }, 120s));
  const bool reached = gate_->reached();
  if (reached) Hit();
  EXPECT_TRUE(Eventually([&] { return WaitForProcessEnd(over, 0ms); }, 180s)) << "the client hangs";
  gate_->Release();
  const absl::StatusOr<ExitStatus> status = client->Wait();
  succeeded_ = status.ok() && status->success();
  return reached;
}

// Whatever was promised holds, and nothing needs more than the usual commands.
void FaultMatrixTest::CheckVm() {
  const std::string name = operation_.name;
  EXPECT_TRUE(Eventually([] {
    const std::string state = State();
    return state != "STATE_STARTING" && state != "STATE_STOPPING";
  })) << "it is stuck";
  const bool exists = !State().empty();
  if (name == "Create") {
    EXPECT_TRUE(exists || !succeeded_) << "a VM is lost";
  } else if (name == "Delete") {
    EXPECT_TRUE(!exists || !succeeded_) << "a ghost is left";
  } else {
    ASSERT_TRUE(exists) << "a VM is lost";
  }
  if (exists) {
    Succeed({"vm", "start", "box"});
    Succeed({"vm", "exec", "box", "--", "true"});
    if (operation_.has_vm) {
      EXPECT_EQ(Run({"vm", "exec", "box", "--", "cat", "/root/work"}).out, "precious\n");
    }
    Succeed({"vm", "stop", "box"});
  }
  if (exists && operation_.has_vm) ExpectHost(stopped_);
  if (exists && !operation_.has_vm) Succeed({"vm", "delete", "box"});
  if (!operation_.has_vm) ExpectHost(empty_);
}

TEST_P(FaultMatrixTest, NothingIsLostAndNothingIsLeft) {
  const char* wanted = std::getenv("BANGER_FAULTS");
  const bool all = wanted != nullptr && std::string(wanted) == "all";
  // One that differs from case to case, so that few reach many.
  int step = all ? 1 : 1 + static_cast<int>((victim_.size() + operation_.name[0]) % 9);
  int hit = 0;
  for (bool reached = true; reached && !HasFailure(); ++step) {
    SCOPED_TRACE(absl::StrCat("at step ", step));
    if (operation_.has_vm && State().empty()) SetUp();
    if (operation_.is_running) Succeed({"vm", "start", "box"});
    reached = RunWithFault(step);
    hit += reached ? 1 : 0;
    CheckVm();
    if (!all && reached) break;
  }
  RecordProperty("steps", hit);
  EXPECT_GT(hit, 0) << "the operation has fewer steps than " << step - 1;
}

INSTANTIATE_TEST_SUITE_P(All, FaultMatrixTest,
                         ::testing::Combine(::testing::ValuesIn(kOperations), ::testing::ValuesIn(kVictims)),
                         [](const auto& one) {
                           return absl::StrCat(std::get<0>(one.param).name, "And", std::get<1>(one.param));
                         });

}  // namespace
}  // namespace banger::e2e
