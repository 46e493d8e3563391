// A VM's life through every command.
#include <fcntl.h>

#include <ctime>
#include <nlohmann/json.hpp>

#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

class LifecycleTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() { StartInstance({}, {"minbase", "systemd"}); }
  void SetUp() override {
    ASSERT_NE(instance_, nullptr);
    before_ = instance_->Snapshot();
  }
  void TearDown() override {
    Run({"vm", "delete", "--force", "box"});
    EXPECT_EQ(Changes(before_, instance_->Snapshot()), "");
  }

  static std::string Exec(const std::string& script) { return SharedInstanceTest::Exec("box", script); }
  static nlohmann::json Show() { return SharedInstanceTest::Show("box"); }

  HostSnapshot before_;
};

TEST_F(LifecycleTest, StatesFollowTheCommands) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", TestedImage(), "--no-start"}).status.code, 0);
  EXPECT_EQ(Show()["state"], "STATE_CREATED");
  ASSERT_EQ(Run({"vm", "start", "box"}).status.code, 0);
  EXPECT_EQ(Show()["state"], "STATE_RUNNING");
  EXPECT_EQ(Run({"vm", "start", "box"}).status.code, 0) << "starting a running VM is fine";
  EXPECT_THAT(Run({"ps"}).out, HasSubstr("box"));
  const std::string first_boot = Exec("cat /proc/sys/kernel/random/boot_id");
  ASSERT_EQ(Run({"vm", "restart", "box"}).status.code, 0);
  EXPECT_NE(Exec("cat /proc/sys/kernel/random/boot_id"), first_boot);
  ASSERT_EQ(Run({"vm", "stop", "box"}).status.code, 0);
  EXPECT_EQ(Show()["state"], "STATE_STOPPED");
  EXPECT_EQ(Run({"vm", "stop", "box"}).status.code, 0) << "stopping a stopped VM is fine";
  EXPECT_THAT(Run({"vm", "exec", "box", "--", "true"}).err, HasSubstr("box"));
  ASSERT_EQ(Run({"vm", "start", "box"}).status.code, 0);
  ASSERT_EQ(Run({"vm", "kill", "box"}).status.code, 0);
  EXPECT_TRUE(Eventually([] { return Show()["state"] == "STATE_STOPPED"; }));
  ASSERT_EQ(Run({"vm", "delete", "box"}).status.code, 0);
  EXPECT_EQ(Run({"vm", "show", "box"}).status.code, 3);
}

TEST_F(LifecycleTest, WhatWasWrittenJustBeforeAStopIsThereAfterTheStart) {
  for (const char* image : {"mini", "minbase", "systemd"}) {
    ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", image}).status.code, 0) << image;
    EXPECT_EQ(Exec("echo root > /root/file; echo etc > /etc/file"), "");
    ASSERT_EQ(Run({"vm", "stop", "box"}).status.code, 0) << image;
    ASSERT_EQ(Run({"vm", "start", "box"}).status.code, 0) << image;
    EXPECT_EQ(Exec("cat /root/file /etc/file"), "root\netc\n") << image;
    ASSERT_EQ(Run({"vm", "delete", "--force", "box"}).status.code, 0) << image;
  }
}

TEST_F(LifecycleTest, ARunningVmIsDeletedOnlyByForce) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", TestedImage()}).status.code, 0);
  const CommandResult refused = Run({"vm", "delete", "box"});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("box"));
  EXPECT_EQ(Show()["state"], "STATE_RUNNING");
  EXPECT_EQ(Run({"vm", "delete", "--force", "box"}).status.code, 0);
}

TEST_F(LifecycleTest, TheHostReachesTheGuest) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs netd, which needs root";
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", TestedImage()}).status.code, 0);
  EXPECT_EQ(Show()["network_mode"], "NETWORK_MODE_BRIDGE");
  const std::string address = Show()["address"];
  EXPECT_THAT(address, HasSubstr("172.30.0."));
  EXPECT_OK(RunCommandOk({.argv = {"ping", "-c", "1", "-W", "5", address}}));
  if (TestedImage() == "mini") {  // Debian's have no ping
    EXPECT_THAT(Exec("ping -c 1 -W 5 172.30.0.1"), HasSubstr("1 packets received"));
  }
  // The address stays with the VM.
  ASSERT_EQ(Run({"vm", "restart", "box"}).status.code, 0);
  EXPECT_EQ(Show()["address"], address);
  EXPECT_OK(RunCommandOk({.argv = {"ping", "-c", "1", "-W", "5", address}}));
}

TEST_F(LifecycleTest, TheConsoleLogIsThereAndSizesAreAsAsked) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", "minbase", "--vcpu", "2", "--memory", "384M",
                 "--disk-size", "3G", "--rootfs-size", "2G"})
                .status.code,
            0);
  EXPECT_EQ(Exec("nproc"), "2\n");
  EXPECT_EQ(Exec("[ $(awk '/MemTotal/{print int($2/1024)}' /proc/meminfo) -gt 300 ] && echo ok"), "ok\n");
  EXPECT_EQ(Exec("[ $(df -m /root | awk 'END{print $2}') -gt 2800 ] && echo ok"), "ok\n");
  EXPECT_EQ(Exec("[ $(df -m / | awk 'END{print $2}') -lt 2100 ] && echo ok"), "ok\n");
  Exec("echo a line for the log > /dev/console");
  EXPECT_TRUE(Eventually([] {
    return Run({"vm", "logs", "box"}).out.find("a line for the log") != std::string::npos;
  }));
  EXPECT_THAT(Run({"vm", "logs", "--tail", "1", "box"}).out, Not(HasSubstr("Linux version")));
}

TEST_F(LifecycleTest, SizesOfAStoppedVmChangeAndItsFileSystemsGrowAtTheNextStart) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", TestedImage(), "--disk-size", "3G",
                 "--rootfs-size", "1G", "--vcpu", "1"})
                .status.code,
            0);
  EXPECT_EQ(Exec("echo work > /root/file; echo etc > /etc/file"), "");
  const CommandResult running = Run({"vm", "set", "--disk-size", "20G", "box"});
  EXPECT_EQ(running.status.code, 1);
  EXPECT_THAT(running.err, HasSubstr("its sizes change only while it is stopped"));
  ASSERT_EQ(Run({"vm", "stop", "box"}).status.code, 0);
  EXPECT_THAT(Run({"vm", "set", "--disk-size", "2G", "box"}).err, HasSubstr("disks only grow"));
  EXPECT_THAT(Run({"vm", "set", "--vcpu", "1000", "box"}).err, HasSubstr("too large"));

  // Beyond what the first group descriptors' block has room for.
  ASSERT_EQ(Run({"vm", "set", "--disk-size", "20G", "--rootfs-size", "9G", "--memory", "384M", "--vcpu", "2",
                 "box"})
                .status.code,
            0);
  EXPECT_EQ(Show()["size_origins"]["disk_size_bytes"]["source"], "SOURCE_REQUEST");
  ASSERT_EQ(Run({"vm", "start", "box"}).status.code, 0);
  EXPECT_EQ(Exec("nproc"), "2\n");
  EXPECT_EQ(Exec("[ $(awk '/MemTotal/{print int($2/1024)}' /proc/meminfo) -gt 300 ] && echo ok"), "ok\n");
  EXPECT_EQ(Exec("[ $(df -m /root | awk 'END{print $2}') -gt 19000 ] && echo ok"), "ok\n") << Exec("df -m");
  EXPECT_EQ(Exec("[ $(df -m / | awk 'END{print $2}') -gt 8500 ] && echo ok"), "ok\n") << Exec("df -m");
  EXPECT_EQ(Exec("cat /root/file /etc/file"), "work\netc\n");
  ASSERT_EQ(Run({"vm", "stop", "box"}).status.code, 0);
  const std::filesystem::path disks = instance_->root() / "state" / "vms" / Show()["uid"].get<std::string>();
  for (const char* disk : {"work.ext4", "upper.ext4"})
    EXPECT_OK(RunCommandOk({.argv = {"/sbin/e2fsck", "-fn", (disks / disk).string()}}));
  // A start that finds nothing to grow says nothing of it.
  const CommandResult again = Run({"vm", "start", "box"});
  EXPECT_EQ(again.status.code, 0);
  EXPECT_THAT(again.err, Not(HasSubstr("grow")));
}

TEST_F(LifecycleTest, AGuestThatPowersItselfOffIsStopped) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", "systemd"}).status.code, 0);
  // systemd must be there to hear it.
  ASSERT_TRUE(Eventually([] {
    return Run({"vm", "exec", "box", "--", "systemctl", "poweroff"}).status.success();
  }));
  EXPECT_TRUE(Eventually([] { return Show()["state"] == "STATE_STOPPED"; }));
}

TEST_F(LifecycleTest, SystemdComesUpBesideTheAgent) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", "systemd"}).status.code, 0);
  EXPECT_EQ(Exec("cat /proc/1/comm"), "systemd\n");
  EXPECT_TRUE(Eventually([] { return Exec("systemctl is-system-running").find("running") == 0; },
                         std::chrono::seconds(120)))
      << Exec("systemctl --failed; systemctl list-jobs");
  EXPECT_EQ(Exec("systemctl is-active ssh"), "active\n");
}

TEST_F(LifecycleTest, StatsOfHostAndGuestAreThere) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", TestedImage(), "--memory", "256M"}).status.code,
            0);
  const auto stats = [] {
    const auto all =
        nlohmann::json::parse(Run({"vm", "stats", "--format", "json", "box"}).out, nullptr, false);
    return all["stats"][0];
  };
  EXPECT_TRUE(Eventually([&] { return stats().contains("guest") && stats().contains("cpu_percent"); }));
  const auto now = stats();
  EXPECT_GT(std::stoll(now["host"]["memory_bytes"].get<std::string>()), 30 << 20);
  EXPECT_GT(std::stoll(now["disk_used_bytes"].get<std::string>()), 0);
  EXPECT_GT(std::stoll(now["guest"]["memory_total_bytes"].get<std::string>()), 150 << 20);
  EXPECT_GT(std::stoll(now["guest"]["home_size_bytes"].get<std::string>()), 0);
  if (::geteuid() == 0) {
    const auto received = [&] {
      return std::stoll(stats()["host"]["network_received_bytes"].get<std::string>());
    };
    const auto before = received();
    const std::string address = Show()["address"];
    EXPECT_OK(RunCommandOk({.argv = {"ping", "-c", "1", "-s", "1000", "-W", "5", address}}));
    EXPECT_GE(received() - before, 1000);
  }
}

TEST_F(LifecycleTest, ALogIsFollowedOverAStopAndAStart) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", TestedImage()}).status.code, 0);
  const std::filesystem::path out = instance_->root() / "followed";
  const UniqueFd file = *OpenFile(out, O_WRONLY | O_CREAT | O_TRUNC);
  absl::StatusOr<Subprocess> follower = instance_->StartBanger({"vm", "logs", "-f", "box"}, file.get());
  ASSERT_OK(follower);
  const auto said = [&](const std::string& text) {
    return Eventually([&] { return ReadFile(out)->find(text) != std::string::npos; });
  };
  Exec("echo before the stop > /dev/console");
  EXPECT_TRUE(said("before the stop"));
  ASSERT_EQ(Run({"vm", "restart", "box"}).status.code, 0);
  Exec("echo after the start > /dev/console");
  EXPECT_TRUE(said("after the start"));
  ASSERT_EQ(Run({"vm", "delete", "--force", "box"}).status.code, 0);
  EXPECT_EQ(follower->Wait()->code, 0);
  std::filesystem::remove(out);
}

TEST_F(LifecycleTest, APausedVmGoesOnWhereItStoodWithTheRightTime) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", TestedImage()}).status.code, 0);
  // Counts as long as it runs.
  Exec("(while :; do echo x >> /run/count; sleep 1; done) > /dev/null 2>&1 &");
  ASSERT_EQ(Run({"vm", "pause", "box"}).status.code, 0);
  EXPECT_EQ(Show()["state"], "STATE_PAUSED");
  EXPECT_THAT(Run({"vm", "exec", "box", "--", "true"}).err, HasSubstr("VM_PAUSED"));
  EXPECT_THAT(Run({"ps"}).out, HasSubstr("PAUSED"));
  instance_->CrashDaemon("vmd");
  ASSERT_OK(instance_->StartDaemon("vmd"));
  EXPECT_EQ(Show()["state"], "STATE_PAUSED");
  const std::time_t paused = std::time(nullptr);
  // By which its clock falls behind.
  ASSERT_TRUE(Eventually([&] { return std::time(nullptr) >= paused + 5; }));
  ASSERT_EQ(Run({"vm", "resume", "box"}).status.code, 0);
  EXPECT_EQ(Show()["state"], "STATE_RUNNING");
  EXPECT_GE(std::stoll(Exec("date +%s")), paused + 5);
  const std::string count = Exec("wc -l < /run/count");
  EXPECT_TRUE(Eventually([&] { return Exec("wc -l < /run/count") != count; }));
  ASSERT_EQ(Run({"vm", "pause", "box"}).status.code, 0);
  ASSERT_EQ(Run({"vm", "stop", "box"}).status.code, 0);
  EXPECT_EQ(Show()["state_detail"], "") << "the guest powered off by itself";
}

TEST_F(LifecycleTest, AnImageInUseStays) {
  ASSERT_EQ(Run({"vm", "create", "--name", "box", "--image", "minbase", "--no-start"}).status.code, 0);
  const CommandResult refused = Run({"image", "delete", "minbase"});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("minbase"));
}

}  // namespace
}  // namespace banger::e2e
