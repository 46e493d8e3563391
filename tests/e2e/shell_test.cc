// The interactive shell, typed at through a pseudo-terminal as a user does.
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>

#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

// A program on a pseudo-terminal of its own.
class Terminal {
 public:
  Terminal(const std::vector<std::string>& argv, const std::string& root) {
    winsize size{.ws_row = 30, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
    pid_ = ::forkpty(&master_, nullptr, nullptr, &size);
    if (pid_ != 0) return;
    ::setenv("BANGER_ROOT", root.c_str(), 1);
    ::setenv("TERM", "dumb", 1);
    std::vector<char*> pointers;
    for (const std::string& argument : argv) pointers.push_back(const_cast<char*>(argument.c_str()));
    pointers.push_back(nullptr);
    ::execv(pointers[0], pointers.data());
    ::_exit(99);
  }
  ~Terminal() {
    ::close(master_);
    if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
  }

  void Type(const std::string& text) {
    ASSERT_EQ(::write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  // Reads until `text` has been shown after what was awaited before.
  bool Await(const std::string& text, std::chrono::seconds timeout = 60s) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    for (;;) {
      const std::size_t found = shown_.find(text, seen_);
      if (found != std::string::npos) {
        seen_ = found + text.size();
        return true;
      }
      if (std::chrono::steady_clock::now() > deadline) return false;
      pollfd fd{master_, POLLIN, 0};
      if (::poll(&fd, 1, 100) <= 0) continue;
      char buffer[4096];
      const ssize_t n = ::read(master_, buffer, sizeof buffer);
      if (n <= 0) return shown_.find(text, seen_) != std::string::npos;
      shown_.append(buffer, static_cast<std::size_t>(n));
    }
  }

  void Resize(int rows, int columns) {
    winsize size{};
    size.ws_row = static_cast<unsigned short>(rows);
    size.ws_col = static_cast<unsigned short>(columns);
    ::ioctl(master_, TIOCSWINSZ, &size);
  }

  bool IsRaw() const {
    termios mode{};
    ::tcgetattr(master_, &mode);
    return (mode.c_lflag & ICANON) == 0;
  }

  int WaitForExit() {
    int status = 0;
    const bool ended = Eventually([&] {
      Await("never shown", 0s);  // what it still prints must go somewhere
      return ::waitpid(pid_, &status, WNOHANG) == pid_;
    });
    if (!ended) return -2;
    pid_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  const std::string& shown() const { return shown_; }

 private:
  int master_ = -1;
  pid_t pid_ = 0;
  std::string shown_;
  std::size_t seen_ = 0;
};

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
  shell.Type("sleep 0.2; stty size\n");
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
