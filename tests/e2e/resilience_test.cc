// Daemons that crash while VMs run and while they are made.
#include <nlohmann/json.hpp>
#include <thread>

#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

using namespace std::chrono_literals;

class ResilienceTest : public SharedInstanceTest, public ::testing::WithParamInterface<const char*> {
 protected:
  void SetUp() override {
    SharedInstanceTest::SetUp();
    if (std::string(GetParam()) == "netd" && ::geteuid() != 0) GTEST_SKIP() << "netd needs root";
  }

  static void CrashAndRestart(const std::string& daemon) {
    instance_->CrashDaemon(daemon);
    ASSERT_OK(instance_->StartDaemon(daemon));
  }
};

INSTANTIATE_TEST_SUITE_P(Daemons, ResilienceTest,
                         ::testing::Values("netd", "kerneld", "imaged", "vmd", "gateway"),
                         [](const auto& daemon) { return std::string(daemon.param); });

TEST_P(ResilienceTest, ARunningVmGoesOnAndEveryCommandWorksAfterwards) {
  const HostSnapshot before = instance_->Snapshot();
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", TestedImage()}).status.code, 0);
  const std::string boot_id = Run({"vm", "exec", "box", "--", "cat", "/proc/sys/kernel/random/boot_id"}).out;
  ASSERT_FALSE(boot_id.empty());

  CrashAndRestart(GetParam());

  EXPECT_EQ(Run({"vm", "exec", "box", "--", "cat", "/proc/sys/kernel/random/boot_id"}).out, boot_id);
  const auto shown = nlohmann::json::parse(Run({"vm", "show", "box"}).out, nullptr, false);
  EXPECT_EQ(shown["state"], "STATE_RUNNING");
  if (::geteuid() == 0) {
    EXPECT_OK(RunCommandOk({.argv = {"ping", "-c", "1", "-W", "5", shown["address"].get<std::string>()}}));
  }
  EXPECT_EQ(Run({"kernel", "list"}).status.code, 0);
  EXPECT_EQ(Run({"image", "list"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "restart", "box"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "create", "--name", "other", "--image", TestedImage()}).status.code, 0);
  EXPECT_EQ(Run({"vm", "stop", "box", "other"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "delete", "box", "other"}).status.code, 0);
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

TEST_P(ResilienceTest, ACreateCompletesOrLeavesNothing) {
  const HostSnapshot before = instance_->Snapshot();
  for (const auto delay : {5ms, 60ms, 150ms, 400ms, 1200ms}) {
    absl::StatusOr<Subprocess> create =
        instance_->StartBanger({"vm", "create", "--name", "box", "--image", TestedImage()});
    ASSERT_OK(create);
    std::this_thread::sleep_for(delay);  // the moment of the crash is what varies
    CrashAndRestart(GetParam());
    ASSERT_OK_AND_ASSIGN(const ExitStatus ended, create->Wait());
    // Whatever the client was told: a VM that exists works, else there is none. What
    // is being undone may be seen for a moment.
    EXPECT_TRUE(Eventually([] {
      const CommandResult shown = Run({"vm", "show", "box"});
      return !shown.status.success() || shown.out.find("STATE_RUNNING") != std::string::npos;
    })) << delay.count();
    const bool exists = Run({"vm", "show", "box"}).status.code == 0;
    if (ended.success()) {
      EXPECT_TRUE(exists) << delay.count();
    }
    if (exists) {
      EXPECT_EQ(Run({"vm", "start", "box"}).status.code, 0) << delay.count();
      EXPECT_EQ(Run({"vm", "exec", "box", "--", "true"}).status.code, 0) << delay.count();
      EXPECT_EQ(Run({"vm", "delete", "--force", "box"}).status.code, 0) << delay.count();
    }
    EXPECT_TRUE(Eventually([&] { return instance_->Snapshot() == before; }, 20s))
        << delay.count() << "\n"
        << Changes(before, instance_->Snapshot());
  }
}

}  // namespace
}  // namespace banger::e2e
