// The interactive shell, in a real pseudo-terminal.
#include <sys/ioctl.h>

#include <csignal>

#include "cli/testing/terminal_fixture.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;

class TerminalSessionTest : public TerminalTest {};

TEST_F(TerminalSessionTest, KeysSizeAndExitCodePassThrough) {
  StartInTerminal({"vm", "run", "--name", "box"});
  ASSERT_TRUE(WaitForScreen("guest$"));
  EXPECT_TRUE(state_.command.tty());
  EXPECT_TRUE(state_.command.argv().empty());
  EXPECT_EQ(state_.command.window_size().columns(), 100U);
  EXPECT_EQ(state_.command.window_size().rows(), 30U);
  EXPECT_THAT(state_.command.env(), ::testing::ElementsAre("TERM=xterm"));
  EXPECT_FALSE(ModeIsAsBefore());

  Type("\x03");  // Ctrl-C is the guest's
  EXPECT_TRUE(state_.WaitFor("key 3"));
  Type("\x1a");
  EXPECT_TRUE(state_.WaitFor("key 26"));
  const winsize bigger{.ws_row = 50, .ws_col = 200, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::ioctl(master_.get(), TIOCSWINSZ, &bigger), 0);
  EXPECT_TRUE(state_.WaitFor("size 200x50"));

  Type("q");
  EXPECT_TRUE(WaitForScreen("vm 'box' is still running"));
  EXPECT_EQ(WaitForExit(), 5);
  EXPECT_TRUE(ModeIsAsBefore());
}

TEST_F(TerminalSessionTest, ACrashRestoresTheTerminal) {
  StartInTerminal({"vm", "exec", "-it", "web"});
  ASSERT_TRUE(WaitForScreen("guest$"));
  ::kill(pid_, SIGABRT);
  EXPECT_EQ(WaitForExit(), 1000 + SIGABRT);
  EXPECT_TRUE(ModeIsAsBefore());
}

TEST_F(TerminalSessionTest, SigtermEndsTheSessionAndRemovesTheVm) {
  StartInTerminal({"vm", "run", "--rm"});
  ASSERT_TRUE(WaitForScreen("guest$"));
  ::kill(pid_, SIGTERM);
  EXPECT_EQ(WaitForExit(), 130);
  EXPECT_TRUE(ModeIsAsBefore());
  EXPECT_TRUE(state_.WaitFor("deleted by force 0123456789ab"));
}

TEST_F(TerminalSessionTest, AnErrorDuringTheSessionRestoresTheTerminal) {
  state_.Fail("ExecVm", absl::UnavailableError("vmd went away"));
  StartInTerminal({"vm", "exec", "-it", "web"});
  EXPECT_TRUE(WaitForScreen("exec in vm 'web': vmd went away"));
  EXPECT_EQ(WaitForExit(), 4);
  EXPECT_TRUE(ModeIsAsBefore());
}

TEST_F(TerminalSessionTest, ProgressIsOneLiveLine) {
  StartInTerminal({"vm", "create", "--name", "box"});
  ASSERT_TRUE(WaitForScreen("is ready"));
  EXPECT_THAT(screen_, HasSubstr("\r\033[Kcreate vm 'box': boot"));
  EXPECT_EQ(WaitForExit(), 0);
}

}  // namespace
}  // namespace banger::cli
