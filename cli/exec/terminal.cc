#include "cli/exec/terminal.h"

#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <utility>

#include "common/status/error.h"

namespace banger::cli {
namespace {

// Global because a signal handler has nothing else to go by.
termios saved_mode;
int saved_fd = -1;
std::atomic<bool> is_raw{false};

void RestoreAndCrash(int signal) {
  RawTerminal::RestoreNow();
  ::raise(signal);  // SA_RESETHAND: ends the process as it would have
}

void RestoreOnCrash() {
  struct sigaction action {};
  action.sa_handler = RestoreAndCrash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) ::sigaction(signal, &action, nullptr);
}

}  // namespace

absl::StatusOr<RawTerminal> RawTerminal::Enter(int fd) {
  if (::tcgetattr(fd, &saved_mode) < 0) return ErrnoError(errno, "read the terminal's mode");
  termios raw = saved_mode;
  ::cfmakeraw(&raw);
  saved_fd = fd;
  RestoreOnCrash();
  is_raw = true;
  if (::tcsetattr(fd, TCSADRAIN, &raw) < 0) {
    is_raw = false;
    return ErrnoError(errno, "set the terminal to raw mode");
  }
  return RawTerminal();
}

RawTerminal::RawTerminal(RawTerminal&& other) noexcept : owns_(std::exchange(other.owns_, false)) {}

RawTerminal::~RawTerminal() {
  if (owns_) RestoreNow();
}

void RawTerminal::RestoreNow() {
  if (is_raw.exchange(false)) ::tcsetattr(saved_fd, TCSADRAIN, &saved_mode);
}

TerminalSize GetTerminalSize(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) < 0) return {};
  return {.rows = size.ws_row, .columns = size.ws_col};
}

}  // namespace banger::cli
