#include "cli/exec/terminal.h"

#include <sys/ioctl.h>
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
int saved_when = TCSADRAIN;
std::atomic<bool> is_changed{false};

void RestoreAndCrash(int signal) {
  TerminalMode::RestoreNow();
  ::raise(signal);  // SA_RESETHAND: ends the process as it would have
}

void RestoreOnCrash() {
  struct sigaction action {};
  action.sa_handler = RestoreAndCrash;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER);
  for (const int signal : {SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL}) ::sigaction(signal, &action, nullptr);
}

}  // namespace

absl::StatusOr<TerminalMode> TerminalMode::Raw(int fd) {
  termios mode{};
  if (::tcgetattr(fd, &mode) < 0) return ErrnoError(errno, "read the terminal's mode");
  ::cfmakeraw(&mode);
  return Enter(fd, mode, TCSADRAIN);
}

// What was typed ahead is nobody's secret, and what follows one no command line.
absl::StatusOr<TerminalMode> TerminalMode::Hidden(int fd) {
  termios mode{};
  if (::tcgetattr(fd, &mode) < 0) return ErrnoError(errno, "read the terminal's mode");
  mode.c_lflag &= ~static_cast<tcflag_t>(ECHO);
  return Enter(fd, mode, TCSAFLUSH);
}

absl::StatusOr<TerminalMode> TerminalMode::Enter(int fd, const termios& mode, int when) {
  if (::tcgetattr(fd, &saved_mode) < 0) return ErrnoError(errno, "read the terminal's mode");
  saved_fd = fd;
  saved_when = when;
  RestoreOnCrash();
  is_changed = true;
  if (::tcsetattr(fd, when, &mode) < 0) {
    is_changed = false;
    return ErrnoError(errno, "set the terminal's mode");
  }
  return TerminalMode();
}

TerminalMode::TerminalMode(TerminalMode&& other) noexcept : owns_(std::exchange(other.owns_, false)) {}

TerminalMode::~TerminalMode() {
  if (owns_) RestoreNow();
}

void TerminalMode::RestoreNow() {
  if (is_changed.exchange(false)) ::tcsetattr(saved_fd, saved_when, &saved_mode);
}

TerminalSize GetTerminalSize(int fd) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) < 0) return {};
  return {.rows = size.ws_row, .columns = size.ws_col};
}

}  // namespace banger::cli
