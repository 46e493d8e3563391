#include "tests/e2e/terminal.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <cstdlib>

#include "tests/e2e/harness.h"

namespace banger::e2e {

using namespace std::chrono_literals;

Terminal::Terminal(const std::vector<std::string>& argv, const std::string& root) {
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

Terminal::~Terminal() {
  ::close(master_);
  if (pid_ > 0) ::kill(pid_, SIGKILL), ::waitpid(pid_, nullptr, 0);
}

void Terminal::Type(const std::string& text) {
  ASSERT_EQ(::write(master_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
}

bool Terminal::Await(const std::string& text, std::chrono::seconds timeout) {
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

void Terminal::Resize(int rows, int columns) {
  winsize size{};
  size.ws_row = static_cast<unsigned short>(rows);
  size.ws_col = static_cast<unsigned short>(columns);
  ::ioctl(master_, TIOCSWINSZ, &size);
}

bool Terminal::IsRaw() const {
  termios mode{};
  ::tcgetattr(master_, &mode);
  return (mode.c_lflag & ICANON) == 0;
}

int Terminal::WaitForExit() {
  int status = 0;
  const bool ended = Eventually([&] {
    Await("never shown", 0s);  // what it still prints must go somewhere
    return ::waitpid(pid_, &status, WNOHANG) == pid_;
  });
  if (!ended) return -2;
  pid_ = 0;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace banger::e2e
