// VMs that come back as they were, and twins that are not each other.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <ctime>
#include <nlohmann/json.hpp>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;

// Counts in the background as long as it lives; what it counts is in memory only.
constexpr char kCounter[] =
    "(n=0; while :; do n=$((n+1)); echo $n > /run/count; sleep 0.1; done) > /dev/null 2>&1 & echo $!";

class SnapshotTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() {
    StartInstance({.config = "[vm_defaults]\nvcpu = 1\nmemory_mib = 512\n"}, {"minbase", "systemd"});
  }
  void SetUp() override {
    ASSERT_NE(instance_, nullptr);
    before_ = instance_->Snapshot();
  }
  void TearDown() override {
    for (const char* vm : {"box", "twin", "third"}) Run({"vm", "delete", "--force", vm});
    EXPECT_EQ(Changes(before_, instance_->Snapshot()), "");
  }

  // Without the last line break.
  static std::string Exec(const std::string& vm, const std::string& script) {
    return std::string(absl::StripSuffix(SharedInstanceTest::Exec(vm, script), "\n"));
  }
  static fs::path FilesOf(const std::string& vm) {
    return instance_->root() / "state/vms" / Show(vm)["uid"].get<std::string>();
  }
  static int Count(const std::string& vm) { return std::atoi(Exec(vm, "cat /run/count").c_str()); }
  static bool Counts(const std::string& vm) {
    const int count = Count(vm);
    return Eventually([&] { return Count(vm) > count; });
  }

  HostSnapshot before_;
};

TEST_F(SnapshotTest, FilesAndProcessesAreIntactAfterTenPausesAndTenRestores) {
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "minbase"}));
  const std::string pid = Exec("box", kCounter);
  for (int round = 0; round < 10; ++round) {
    SCOPED_TRACE(round);
    ASSERT_TRUE(Succeeds({"vm", "pause", "box"}));
    ASSERT_TRUE(Succeeds({"vm", "resume", "box"}));
    EXPECT_TRUE(Counts("box"));

    // Not synced: some of it is only in the guest's page cache.
    const std::string now = absl::StrCat("round ", round);
    Exec("box", absl::StrCat("echo ", now, " > /root/file; echo ", now, " > /etc/file"));
    ASSERT_TRUE(Succeeds({"vm", "snapshot", "create", "box", "base"}));
    EXPECT_TRUE(Counts("box")) << "it goes on after the snapshot";
    Exec("box", "rm /root/file; echo lost > /etc/file; sync");
    ASSERT_TRUE(Succeeds({"vm", "restore", "box", "base"}));
    EXPECT_EQ(Exec("box", "cat /root/file /etc/file"), absl::StrCat(now, "\n", now));
    EXPECT_EQ(Exec("box", absl::StrCat("kill -0 ", pid, " && echo alive")), "alive");
    EXPECT_TRUE(Counts("box"));
    EXPECT_NEAR(std::stod(Exec("box", "date +%s")), static_cast<double>(std::time(nullptr)), 10);
    ASSERT_TRUE(Succeeds({"vm", "snapshot", "delete", "box", "base"}));
  }
  // All of it also reached the disks in good order.
  ASSERT_TRUE(Succeeds({"vm", "restart", "box"}));
  EXPECT_EQ(Exec("box", "cat /root/file /etc/file"), "round 9\nround 9");
}

TEST_F(SnapshotTest, AStoppedVmsSnapshotIsItsDisks) {
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "mini"}));
  Exec("box", "echo then > /root/file");
  ASSERT_TRUE(Succeeds({"vm", "stop", "box"}));
  ASSERT_TRUE(Succeeds({"vm", "snapshot", "create", "box", "base"}));
  EXPECT_FALSE(fs::exists(FilesOf("box") / "snapshots/base/memory"));
  ASSERT_TRUE(Succeeds({"vm", "start", "box"}));
  Exec("box", "echo now > /root/file");
  const std::string id = Exec("box", "cat /etc/machine-id");

  ASSERT_TRUE(Succeeds({"vm", "clone", "box", "twin", "--snapshot", "base"}));
  EXPECT_EQ(Show("twin")["state"], "STATE_CREATED");
  ASSERT_TRUE(Succeeds({"vm", "start", "twin"}));
  EXPECT_EQ(Exec("twin", "cat /root/file; hostname"), "then\ntwin");
  EXPECT_NE(Exec("twin", "cat /etc/machine-id"), id);

  ASSERT_TRUE(Succeeds({"vm", "restore", "box", "base"}));
  EXPECT_EQ(Show("box")["state"], "STATE_STOPPED");
  ASSERT_TRUE(Succeeds({"vm", "start", "box"}));
  EXPECT_EQ(Exec("box", "cat /root/file"), "then");
  EXPECT_EQ(Exec("box", "cat /etc/machine-id"), id) << "it is still itself";
}

TEST_F(SnapshotTest, TwinsThatRunAtOnceDifferInAllThatMustDiffer) {
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "systemd"}));
  // So that its own server and the image's have keys.
  ASSERT_TRUE(Succeeds({"vm", "ssh", "box", "--", "true"}));
  ASSERT_TRUE(
      Eventually([] { return Exec("box", "ls /etc/ssh/*ed25519_key") == "/etc/ssh/ssh_host_ed25519_key"; }));
  const std::string pid = Exec("box", kCounter);
  Exec("box", "echo mine > /root/file");
  ASSERT_TRUE(Succeeds({"vm", "snapshot", "create", "box", "base"}));
  ASSERT_TRUE(Succeeds({"vm", "clone", "box", "twin", "--snapshot", "base"}));
  ASSERT_TRUE(Succeeds({"vm", "clone", "box", "third", "--snapshot", "base"}));

  const std::vector<std::string> vms = {"box", "twin", "third"};
  for (const std::string& vm : vms) {
    EXPECT_EQ(Show(vm)["state"], "STATE_RUNNING");
    EXPECT_EQ(Exec(vm, "cat /root/file"), "mine");
    EXPECT_EQ(Exec(vm, absl::StrCat("kill -0 ", pid, " && echo alive")), "alive");
    EXPECT_TRUE(Counts(vm));
    EXPECT_EQ(Exec(vm, "hostname; cat /etc/hostname"), absl::StrCat(vm, "\n", vm));
    ASSERT_TRUE(Succeeds({"vm", "ssh", vm, "--", "true"}));
  }
  std::vector<std::string> different = {
      "cat /etc/machine-id",
      "head -c 32 /dev/urandom | sha256sum",
      "sha256sum < /var/lib/banger/ssh_host_ed25519_key",
      "cat /etc/ssh/ssh_host_ed25519_key.pub",
  };
  const bool bridged = ::geteuid() == 0;
  if (bridged)
    different.insert(different.end(), {"cat /sys/class/net/e*/address", "ip -4 -o addr show scope global"});
  for (const std::string& what : different) {
    // The image's own keys are made a moment later.
    const auto unlike = [&] {
      std::set<std::string> values;
      for (const std::string& vm : vms) values.insert(Exec(vm, what));
      return values.size() == vms.size() && !values.contains("");
    };
    EXPECT_TRUE(Eventually(unlike)) << what << ": " << Exec("box", what) << " " << Exec("twin", what);
  }
  if (!bridged) return;
  for (const std::string& vm : vms) {
    const std::string address = Show(vm)["address"];
    EXPECT_EQ(Exec(vm, "cat /sys/class/net/e*/address"), Show(vm)["mac"].get<std::string>());
    EXPECT_THAT(Exec(vm, "ip -4 -o addr show scope global"), HasSubstr(absl::StrCat(" ", address, "/")));
    EXPECT_OK(RunCommandOk({.argv = {"ping", "-c", "1", "-W", "5", address}})) << vm;
    EXPECT_THAT(Exec(vm, "ping -c 1 -W 5 172.30.0.1"), HasSubstr("1 received")) << vm;
  }
}

TEST_F(SnapshotTest, ACloneOfARunningVmRunsOnBesideIt) {
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "mini"}));
  Exec("box", kCounter);
  Exec("box", "echo mine > /root/file");
  ASSERT_TRUE(Succeeds({"vm", "clone", "box", "twin"}));
  EXPECT_TRUE(Counts("box"));
  EXPECT_TRUE(Counts("twin"));
  Exec("twin", "echo its > /root/file");
  EXPECT_EQ(Exec("box", "cat /root/file"), "mine");
  EXPECT_EQ(Run({"vm", "snapshot", "list", "box"}).out.find("base"), std::string::npos);
  // It is a VM as any other.
  ASSERT_TRUE(Succeeds({"vm", "restart", "twin"}));
  EXPECT_EQ(Exec("twin", "cat /root/file; hostname"), "its\ntwin");
  ASSERT_TRUE(Succeeds({"vm", "delete", "--force", "box"}));
  EXPECT_EQ(Exec("twin", "cat /root/file"), "its");
}

TEST_F(SnapshotTest, WhatIsDamagedOrOfAnotherMachineIsRefusedByName) {
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "mini"}));
  ASSERT_TRUE(Succeeds({"vm", "snapshot", "create", "box", "base"}));
  const fs::path memory = FilesOf("box") / "snapshots/base/memory";
  const auto flip = [&memory] {
    ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(memory, O_RDWR));
    char byte = 0;
    ASSERT_EQ(::pread(fd.get(), &byte, 1, 1 << 20), 1);
    byte ^= 1;
    ASSERT_EQ(::pwrite(fd.get(), &byte, 1, 1 << 20), 1);
  };
  flip();
  for (const std::vector<std::string>& command : {std::vector<std::string>{"vm", "restore", "box", "base"},
                                                  {"vm", "clone", "box", "--snapshot", "base"}}) {
    const CommandResult refused = Run(command);
    EXPECT_EQ(refused.status.code, 1);
    EXPECT_THAT(refused.err,
                AllOf(HasSubstr("SNAPSHOT_DAMAGED"), HasSubstr("'memory' is not what was sealed")));
  }
  EXPECT_EQ(Exec("box", "echo alive"), "alive") << "it was not touched";
  flip();
  // Of another shape.
  ASSERT_TRUE(Succeeds({"vm", "stop", "box"}));
  ASSERT_TRUE(Succeeds({"vm", "set", "box", "--memory", "640M"}));
  EXPECT_THAT(Run({"vm", "restore", "box", "base"}).err,
              AllOf(HasSubstr("SNAPSHOT_UNFIT"), HasSubstr("640 MiB")));
  ASSERT_TRUE(Succeeds({"vm", "set", "box", "--memory", "512M"}));
  ASSERT_EQ(::truncate(memory.c_str(), 100'000), 0);
  EXPECT_THAT(Run({"vm", "restore", "box", "base"}).err, HasSubstr("'memory' has 100000 bytes"));
  EXPECT_EQ(Show("box")["state"], "STATE_STOPPED");
  ASSERT_TRUE(Succeeds({"vm", "start", "box"}));
}

TEST_F(SnapshotTest, AVmdThatIsKilledMeanwhileLeavesTheVmRunningAndNoHalfSnapshot) {
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "box", "--image", "minbase"}));
  Exec("box", kCounter);
  const fs::path snapshots = FilesOf("box") / "snapshots";
  // While it saves, seals, publishes.
  for (const char* seen : {".new", ".new/memory", ".new/upper.ext4", ".new/work.ext4"}) {
    SCOPED_TRACE(seen);
    ASSERT_OK_AND_ASSIGN(Subprocess client,
                         instance_->StartBanger({"vm", "snapshot", "create", "box", "cut"}));
    EXPECT_TRUE(Eventually([&] { return fs::exists(snapshots / seen) || fs::exists(snapshots / "cut"); }));
    instance_->CrashDaemon("vmd");
    ASSERT_OK(client.Wait());
    ASSERT_OK(instance_->StartDaemon("vmd"));
    EXPECT_EQ(Show("box")["state"], "STATE_RUNNING");
    EXPECT_TRUE(Counts("box"));
    EXPECT_FALSE(fs::exists(snapshots / ".new"));
    if (fs::exists(snapshots / "cut")) {
      ASSERT_TRUE(Succeeds({"vm", "restore", "box", "cut"}));
    }
    Run({"vm", "snapshot", "delete", "box", "cut"});
  }
}

}  // namespace
}  // namespace banger::e2e
