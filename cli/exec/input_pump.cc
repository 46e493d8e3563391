#include "cli/exec/input_pump.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

#include "cli/exec/terminal.h"

namespace banger::cli {
namespace {

using Clock = std::chrono::steady_clock;

constexpr int kInterruptsToGiveUp = 3;
constexpr std::chrono::seconds kGrace{5};
constexpr std::size_t kChunk = 64 << 10;

int MillisecondsUntil(const std::optional<Clock::time_point>& deadline) {
  if (!deadline.has_value()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*deadline - Clock::now()).count();
  return static_cast<int>(std::max<std::int64_t>(left, 0));
}

}  // namespace

exec::v1::WindowSize CurrentWindowSize() {
  const TerminalSize size = GetTerminalSize(STDOUT_FILENO);
  exec::v1::WindowSize window;
  window.set_rows(size.rows);
  window.set_columns(size.columns);
  return window;
}

InputPump::InputPump(Options options, Send send, std::function<void()> give_up)
    : options_(options),
      send_(std::move(send)),
      give_up_(std::move(give_up)),
      stdin_open_(options.forward_stdin) {}

void InputPump::OnSignal(int signal) {
  bool give_up = false;
  {
    const MutexLock lock(mutex_);
    exec::v1::Input input;
    if (signal == SIGWINCH) {
      if (!options_.tty) return;
      *input.mutable_window_size() = CurrentWindowSize();
    } else {
      input.set_signal(signal);
      give_up = signal == SIGINT && ++interrupts_ >= kInterruptsToGiveUp;
      if ((signal == SIGTERM || signal == SIGHUP) && !pending_.deadline.has_value())
        pending_.deadline = Clock::now() + kGrace;
    }
    pending_.inputs.push_back(std::move(input));
  }
  wake_.Now();
  // Not left to Run: it may be blocked by a command that reads nothing.
  if (give_up) give_up_();
}

void InputPump::Finish() {
  {
    const MutexLock lock(mutex_);
    pending_.finished = true;
  }
  wake_.Now();
}

InputPump::Pending InputPump::TakePending() {
  const MutexLock lock(mutex_);
  Pending taken{.finished = pending_.finished, .inputs = {}, .deadline = pending_.deadline};
  taken.inputs.swap(pending_.inputs);
  return taken;
}

void InputPump::Run() {
  for (;;) {
    wake_.Clear();
    const Pending pending = TakePending();
    if (pending.finished) return;
    for (const exec::v1::Input& input : pending.inputs)
      if (!send_(input)) return;
    std::array<pollfd, 2> fds{{{.fd = wake_.fd(), .events = POLLIN, .revents = 0},
                               {.fd = stdin_open_ ? STDIN_FILENO : -1, .events = POLLIN, .revents = 0}}};
    const int ready = ::poll(fds.data(), fds.size(), MillisecondsUntil(pending.deadline));
    if (ready == 0 && MillisecondsUntil(pending.deadline) == 0) {
      give_up_();
      return;
    }
    if (ready > 0 && fds[1].revents != 0 && !SendStdin()) return;
  }
}

bool InputPump::SendStdin() {
  std::array<char, kChunk> buffer;
  const ssize_t n = ::read(STDIN_FILENO, buffer.data(), buffer.size());
  if (n < 0 && (errno == EINTR || errno == EAGAIN)) return true;
  exec::v1::Input input;
  if (n > 0) {
    input.set_stdin(buffer.data(), static_cast<std::size_t>(n));
  } else {
    // The end, or a stdin that cannot be read any more: the same to a command.
    input.set_stdin_closed(true);
    stdin_open_ = false;
  }
  return send_(input);
}

}  // namespace banger::cli
