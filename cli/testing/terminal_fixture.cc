#include "cli/testing/terminal_fixture.h"

#include <pty.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utmp.h>

#include <cstring>
#include <utility>

namespace banger::cli {

void TerminalTest::SetUp() {
  int master = -1;
  int slave = -1;
  winsize size{.ws_row = 30, .ws_col = 100, .ws_xpixel = 0, .ws_ypixel = 0};
  ASSERT_EQ(::openpty(&master, &slave, nullptr, nullptr, &size), 0);
  master_.Reset(master);
  slave_.Reset(slave);
  before_ = Mode();
}

void TerminalTest::TearDown() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void TerminalTest::StartInTerminal(std::vector<std::string> arguments) {
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

void TerminalTest::Type(const std::string& keys) const {
  ASSERT_EQ(::write(master_.get(), keys.data(), keys.size()), static_cast<ssize_t>(keys.size()));
}

bool TerminalTest::WaitForScreen(const std::string& text) {
  char buffer[4096];
  while (screen_.find(text) == std::string::npos) {
    const ssize_t n = ::read(master_.get(), buffer, sizeof buffer);
    if (n <= 0) return false;
    screen_.append(buffer, static_cast<std::size_t>(n));
  }
  return true;
}

int TerminalTest::WaitForExit() {
  int status = 0;
  ::waitpid(std::exchange(pid_, 0), &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

termios TerminalTest::Mode() const {
  termios now{};
  EXPECT_EQ(::tcgetattr(slave_.get(), &now), 0);
  return now;
}

bool TerminalTest::ModeIsAsBefore() const {
  const termios now = Mode();
  return now.c_lflag == before_.c_lflag && now.c_iflag == before_.c_iflag && now.c_oflag == before_.c_oflag &&
         std::memcmp(now.c_cc, before_.c_cc, sizeof now.c_cc) == 0;
}

}  // namespace banger::cli
