// The interactive shell, in a real pseudo-terminal.
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>
#include <utmp.h>

#include <csignal>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "cli/testing/cli_fixture.h"
#include "common/os/unique_fd.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;

class TerminalSessionTest : public CliTest {
 protected:
  void SetUp() override {
    int master = -1;
    int slave = -1;
    winsize size{.ws_row = 30, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
    master_.Reset(master);
    slave_.Reset(slave);
    ASSERT_EQ(::tcgetattr(slave_.get(), &before_), 0);
  }

  void TearDown() override {
    if (pid_ > 0) {
      ::kill(pid_, SIGKILL);
      ::waitpid(pid_, nullptr, 0);
    }
  }

  // The program with the terminal as its controlling one.
  void StartInTerminal(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), BangerProgram());
    std::vector<std::string> environment = Environment();
    std::vector<char*> argv;
    std::vector<char*> envp;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    for (std::string& entry : environment) envp.push_back(entry.data());
    argv.push_back(nullptr);
    envp.push_back(nullptr);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::login_tty(slave_.get());
      ::execve(argv[0], argv.data(), envp.data());
      ::_exit(99);
    }
  }

  void Type(const std::string& keys) {
    ASSERT_EQ(::write(master_.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
  }

  // Reads the screen until the text is on it.
  bool WaitForScreen(const std::string& text) {
    char buffer[4096];
    while (screen_.find(text) == std::string::npos) {
      const ssize_t n = ::read(master_.get(), buffer, sizeof buffer);
      if (n <= 0) return false;
      screen_.append(buffer, static_cast<std::size_t>(n));
    }
    return true;
  }

  int WaitForExit() {
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
  }

  bool ModeIsAsBefore() const {
    termios now{};
    ::tcgetattr(slave_.get(), &now);
    return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag &&
           now.c_oflag == before_.c_oflag && std::memcmp(now.c_cc, before_.c_cc, sizeof now.c_cc) == 0;
  }

  UniqueFd master_;
  UniqueFd slave_;
  termios before_{};
  pid_t pid_ = 0;
  std::string screen_;
};

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
