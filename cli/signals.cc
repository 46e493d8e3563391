#include "cli/signals.h"

#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <csignal>
#include <cstdint>
#include <utility>

#include "cli/errors.h"
#include "cli/exec/terminal.h"

namespace banger::cli {
namespace {

sigset_t Taken() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH}) sigaddset(&set, signal);
  return set;
}

void EndAtOnce(int signal) {
  TerminalMode::RestoreNow();
  if (signal != SIGQUIT) ::_exit(kExitInterrupted);
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGQUIT);
  pthread_sigmask(SIG_UNBLOCK, &set, nullptr);
  ::raise(SIGQUIT);
}

}  // namespace

Signals::Signals() : quit_(::eventfd(0, EFD_CLOEXEC)) {
  const sigset_t set = Taken();
  // Threads made later inherit it.
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  // A reader of our output that leaves is an error of write(2).
  std::signal(SIGPIPE, SIG_IGN);
  signals_ = UniqueFd(::signalfd(-1, &set, SFD_CLOEXEC));
  thread_ = std::thread([this] { Run(); });
}

Signals::~Signals() {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(quit_.get(), &one, sizeof one);
  thread_.join();
}

void Signals::SetHandler(Handler handler) {
  const MutexLock lock(mutex_);
  handler_ = std::move(handler);
}

void Signals::Run() {
  for (;;) {
    pollfd fds[] = {{.fd = signals_.get(), .events = POLLIN, .revents = 0},
                    {.fd = quit_.get(), .events = POLLIN, .revents = 0}};
    if (::poll(fds, 2, -1) < 0) continue;
    if (fds[1].revents != 0) return;
    signalfd_siginfo info{};
    if (::read(signals_.get(), &info, sizeof info) == sizeof info) Dispatch(static_cast<int>(info.ssi_signo));
  }
}

void Signals::Dispatch(int signal) {
  const MutexLock lock(mutex_);
  if (handler_) {
    handler_(signal);
  } else if (signal != SIGWINCH && (signal == SIGQUIT || !stop_.request_stop())) {
    EndAtOnce(signal);
  }
}

}  // namespace banger::cli
