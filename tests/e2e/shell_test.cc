// The interactive shell, typed at through a pseudo-terminal as a user does.
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"
#include "tests/e2e/terminal.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class ShellTest : public ::testing::Test {
 protected:
  void SetUp() override {
    auto instance = Instance::Start();
    ASSERT_OK(instance);
    instance_.emplace(*std::move(instance));
    ASSERT_OK(instance_->ImportKernel());
    ASSERT_OK(instance_->WarmUp());
  }
  Terminal Banger(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), BuildProgram("banger"));
    return Terminal(arguments, instance_->root());
  }

  std::optional<Instance> instance_;
};

TEST_F(ShellTest, AShellHasASizeObeysCtrlCAndLeavesItsVmBehind) {
  Terminal shell = Banger({"vm", "run", "--image", "mini", "--name", "box"});
  ASSERT_TRUE(shell.Await("# ")) << shell.shown();
  EXPECT_TRUE(shell.IsRaw());
  shell.Type("stty size\n");
  EXPECT_TRUE(shell.Await("30 100")) << shell.shown();
  shell.Resize(40, 120);
  // The new size is on its way.
  shell.Type("until stty size | grep -q ^40; do /bin/sleep 0.1; done; stty size\n");
  EXPECT_TRUE(shell.Await("40 120")) << shell.shown();
  // The shell reads its line in raw mode: Ctrl-C means something once the command runs.
  // With its path, as the sleep within this busybox's shell cannot be interrupted.
  shell.Type("echo r$((1 + 1))dy; /bin/sleep 1000\n");
  EXPECT_TRUE(shell.Await("r2dy")) << shell.shown();
  // Again, as a user would: between two commands of a line this shell misses it.
  bool interrupted = false;
  for (int i = 0; i < 20 && !interrupted; ++i) {
    shell.Type("\x03");
    interrupted = shell.Await("root@box:~# ", 2s);
  }
  EXPECT_TRUE(interrupted) << shell.shown();
  shell.Type("echo in$((1 + 1))terrupted\n");
  EXPECT_TRUE(shell.Await("in2terrupted")) << shell.shown();
  shell.Type("tty; exit 5\n");
  EXPECT_TRUE(shell.Await("/dev/pts/")) << shell.shown();
  EXPECT_TRUE(shell.Await("box")) << "says that the VM still runs: " << shell.shown();
  EXPECT_EQ(shell.WaitForExit(), 5);
  EXPECT_THAT(instance_->Banger({"vm", "list"}).out, HasSubstr("box"));
  EXPECT_EQ(instance_->Banger({"vm", "delete", "--force", "box"}).status.code, 0);
}

TEST_F(ShellTest, RmDeletesAfterTheShellAndAfterAHangUp) {
  const HostSnapshot before = instance_->Snapshot();
  {
    Terminal shell = Banger({"vm", "run", "--rm", "--image", "mini"});
    ASSERT_TRUE(shell.Await("# ")) << shell.shown();
    shell.Type("exit 3\n");
    EXPECT_EQ(shell.WaitForExit(), 3);
  }
  EXPECT_EQ(Changes(before, instance_->Snapshot()), "");
}

TEST_F(ShellTest, CtrlCWhileTheVmIsMadeLeavesNothing) {
  const HostSnapshot before = instance_->Snapshot();
  Terminal run = Banger({"vm", "run", "--rm", "--image", "mini"});
  ASSERT_TRUE(Eventually([&] { return instance_->Banger({"vm", "list", "-a", "-q"}).out != ""; }));
  run.Type("\x03");
  EXPECT_EQ(run.WaitForExit(), 130);
  EXPECT_TRUE(Eventually([&] { return instance_->Snapshot() == before; }));
}

}  // namespace
}  // namespace banger::e2e
