// One VM that is stuck, or that never stops talking, is its own problem only.
#include <signal.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

class WedgedTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() { StartInstance({.config = "stats_poll_interval = \"1s\"\n"}); }

  // Runs, and its VMM stands still.
  static void CreateWedged(const std::string& vm) {
    ASSERT_EQ(Run({"vm", "create", "--name", vm, "--image", TestedImage()}).status.code, 0);
    ASSERT_EQ(Run({"vm", "exec", vm, "--", "true"}).status.code, 0);
    ASSERT_EQ(::kill(Show(vm)["pid"].get<pid_t>(), SIGSTOP), 0);
  }
};

TEST_F(WedgedTest, AStoppedVmmHoldsNobodyUpAndIsNamed) {
  const HostSnapshot before = instance_->Snapshot();
  CreateWedged("stuck");
  absl::StatusOr<Subprocess> waiting = instance_->StartBanger({"vm", "exec", "stuck", "--", "true"});
  ASSERT_OK(waiting);

  // While that exec waits, all else goes on.
  EXPECT_THAT(Run({"vm", "list"}).out, HasSubstr("stuck"));
  EXPECT_EQ(Run({"vm", "run", "--rm", "--image", TestedImage(), "--", "true"}).status.code, 0);
  EXPECT_TRUE(Eventually([] {
    return Show("stuck")["state_detail"].dump().find("is stopped by a signal") != std::string::npos;
  }));
  EXPECT_THAT(Run({"vm", "stats"}).out, HasSubstr("is stopped by a signal"));

  const CommandResult exec = Run({"vm", "exec", "stuck", "--", "true"});
  EXPECT_FALSE(exec.status.success());
  EXPECT_THAT(exec.err, HasSubstr("stuck"));
  ASSERT_OK(waiting->Wait());

  const CommandResult stop = Run({"vm", "stop", "stuck"});
  EXPECT_EQ(stop.status.code, 0) << stop.err;
  EXPECT_THAT(Show("stuck")["state_detail"].dump(), HasSubstr("killed"));
  EXPECT_EQ(Run({"vm", "delete", "stuck"}).status.code, 0);
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

TEST_F(WedgedTest, AForcedDeleteEndsAStoppedVmm) {
  const HostSnapshot before = instance_->Snapshot();
  CreateWedged("stuck");
  EXPECT_EQ(Run({"vm", "delete", "--force", "stuck"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "show", "stuck"}).status.code, 3);
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

TEST_F(WedgedTest, AnAgentThatNeverAnswersIsNamedAndTheVmStopsAllTheSame) {
  const HostSnapshot before = instance_->Snapshot();
  ASSERT_EQ(Run({"vm", "create", "--name", "mute", "--image", TestedImage()}).status.code, 0);
  // It answers no more, this command included.
  absl::StatusOr<Subprocess> last = instance_->StartBanger(
      {"vm", "exec", "mute", "--", "sh", "-c",
       "for p in /proc/[0-9]*; do [ \"$(cat $p/comm)\" = agent ] && kill -STOP ${p#/proc/}; done"});
  ASSERT_OK(last);
  EXPECT_TRUE(Eventually([] {
    return Show("mute")["state_detail"].dump().find("has not answered since") != std::string::npos;
  }));
  EXPECT_EQ(Show("mute")["state"], "STATE_RUNNING");
  EXPECT_EQ(Run({"vm", "run", "--rm", "--image", TestedImage(), "--", "true"}).status.code, 0);
  const CommandResult exec = Run({"vm", "exec", "mute", "--", "true"});
  EXPECT_EQ(exec.status.code, 1);
  EXPECT_THAT(exec.err, HasSubstr("'mute'"));
  ASSERT_OK(last->Wait());
  EXPECT_EQ(Run({"vm", "stop", "--timeout", "5", "mute"}).status.code, 0);
  EXPECT_EQ(Show("mute")["state"], "STATE_STOPPED");
  EXPECT_EQ(Run({"vm", "delete", "mute"}).status.code, 0);
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

TEST_F(WedgedTest, AGuestThatPanicsIsInErrorWithItsLastWordsAndStartsAgain) {
  const HostSnapshot before = instance_->Snapshot();
  ASSERT_EQ(Run({"vm", "create", "--name", "crash", "--image", TestedImage()}).status.code, 0);
  const CommandResult panic =
      Run({"vm", "exec", "crash", "--", "sh", "-c", "echo c > /proc/sysrq-trigger; sleep 60"});
  EXPECT_EQ(panic.status.code, 1);
  EXPECT_THAT(panic.err, HasSubstr("'crash'"));
  EXPECT_TRUE(Eventually([] { return Show("crash")["state"] == "STATE_ERROR"; }));
  EXPECT_THAT(Show("crash")["state_detail"].dump(), HasSubstr("Kernel panic - not syncing"));
  EXPECT_EQ(Run({"vm", "start", "crash"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "exec", "crash", "--", "true"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "delete", "--force", "crash"}).status.code, 0);
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

TEST_F(WedgedTest, AGuestThatFloodsItsConsoleDoesNotFillTheDisk) {
  const HostSnapshot before = instance_->Snapshot();
  ASSERT_EQ(Run({"vm", "create", "--name", "loud", "--image", TestedImage()}).status.code, 0);
  const auto log =
      instance_->root() / "state" / "vms" / Show("loud")["uid"].get<std::string>() / "console.log";
  struct stat info {};
  absl::StatusOr<Subprocess> flood =
      instance_->StartBanger({"vm", "exec", "loud", "--", "sh", "-c", "yes > /dev/console"});
  ASSERT_OK(flood);
  EXPECT_TRUE(Eventually([&] { return ::stat(log.c_str(), &info) == 0 && info.st_size > 100'000; }));
  EXPECT_EQ(Run({"vm", "exec", "loud", "--", "true"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "list"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "run", "--rm", "--image", TestedImage(), "--", "true"}).status.code, 0);
  // The cap, and what a serial port makes until it is looked at again.
  EXPECT_FALSE(
      Eventually([&] { return ::stat(log.c_str(), &info) != 0 || info.st_blocks * 512 >= 16 << 20; }, 10s));
  EXPECT_EQ(Run({"vm", "delete", "--force", "loud"}).status.code, 0);
  ASSERT_OK(flood->Wait());
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

}  // namespace
}  // namespace banger::e2e
