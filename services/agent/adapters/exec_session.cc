#include "services/agent/adapters/exec_session.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>

#include "common/status/error.h"

namespace banger::agent {
namespace {

constexpr std::size_t kChunk = 64 << 10;
// What a command may have left in its pipes when it ended, and no more: what
// runs on in its background could write for ever.
constexpr std::size_t kMaxRest = 1 << 20;
// How much input may wait for the command before its sender has to.
constexpr std::size_t kMaxInput = 256 << 10;
constexpr char kEndOfFile = 4;  // Ctrl-D, to a terminal

}  // namespace

absl::StatusOr<std::unique_ptr<ExecSession>> ExecSession::Create(ExecProcess process, Sink sink) {
  UniqueFd wakeup(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!wakeup.valid()) return ErrnoError(errno, "create event");
  const bool tty = !process.error().valid();
  return std::unique_ptr<ExecSession>(
      new ExecSession(std::move(process), std::move(sink), std::move(wakeup), tty));
}

ExecSession::ExecSession(ExecProcess process, Sink sink, UniqueFd wakeup, bool tty)
    : process_(std::move(process)),
      sink_(std::move(sink)),
      wakeup_(std::move(wakeup)),
      tty_(tty),
      buffer_(kChunk, '\0') {}

std::optional<ExecResult> ExecSession::Run() {
  bool ended = false;
  while (!ended) {
    WriteInput();
    if (!Poll(&ended)) return Finish(false);
  }
  return Finish(ReadOutput(process_.output(), sink_.out, kMaxRest) &&
                ReadOutput(process_.error(), sink_.err, kMaxRest));
}

std::optional<ExecResult> ExecSession::Finish(bool received) {
  MutexLock lock(mutex_);
  ended_ = true;
  room_.notify_all();
  if (received) return process_.Reap();
  process_.End();
  return std::nullopt;
}

// One wait and what it brought; false when the call is over before the command.
bool ExecSession::Poll(bool* ended) {
  bool writing = false;
  {
    MutexLock lock(mutex_);
    if (cancelled_) return false;
    writing = !input_.empty();
  }
  pollfd fds[] = {{wakeup_.get(), POLLIN, 0},
                  {process_.pidfd(), POLLIN, 0},
                  {process_.output().get(), POLLIN, 0},
                  {process_.error().get(), POLLIN, 0},
                  {writing ? process_.input().get() : -1, POLLOUT, 0}};
  if (::poll(fds, 5, -1) < 0 && errno != EINTR) return false;
  eventfd_t count = 0;
  if (fds[0].revents != 0) ::eventfd_read(wakeup_.get(), &count);
  if (fds[2].revents != 0 && !ReadOutput(process_.output(), sink_.out, kChunk)) return false;
  if (fds[3].revents != 0 && !ReadOutput(process_.error(), sink_.err, kChunk)) return false;
  *ended = fds[1].revents != 0;
  return true;
}

// Up to `max` bytes of what is there; false when nobody takes them.
bool ExecSession::ReadOutput(UniqueFd& fd, const std::function<bool(absl::string_view)>& send,
                             std::size_t max) {
  for (std::size_t done = 0; fd.valid() && done < max;) {
    const ssize_t n = ::read(fd.get(), buffer_.data(), std::min(kChunk, max - done));
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return true;
    if (n <= 0) {
      fd.Reset();  // a terminal says EIO when its last user is gone
      return true;
    }
    if (!send({buffer_.data(), static_cast<std::size_t>(n)})) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

void ExecSession::WriteInput() {
  MutexLock lock(mutex_);
  if (!input_.empty() && process_.input().valid()) {
    const ssize_t n = ::write(process_.input().get(), input_.data(), input_.size());
    if (n > 0) input_.erase(0, static_cast<std::size_t>(n));
    if (n < 0 && errno != EAGAIN && errno != EINTR) process_.input().Reset();
  }
  if (input_closed_ && input_.empty() && !tty_) process_.input().Reset();
  if (!process_.input().valid()) input_.clear();
  if (input_.size() < kMaxInput) room_.notify_all();
}

void ExecSession::AddInput(absl::string_view bytes) {
  {
    MutexLock lock(mutex_);
    room_.wait(lock, [this]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
      return input_.size() < kMaxInput || ended_ || cancelled_;
    });
    if (!input_closed_) input_.append(bytes.data(), bytes.size());
  }
  Wake();
}

void ExecSession::CloseInput() {
  {
    MutexLock lock(mutex_);
    if (input_closed_) return;
    input_closed_ = true;
    if (tty_) input_.push_back(kEndOfFile);
  }
  Wake();
}

void ExecSession::Signal(int signal) {
  MutexLock lock(mutex_);
  if (!ended_) process_.Signal(signal);
}

void ExecSession::Resize(const TerminalSize& size) {
  MutexLock lock(mutex_);
  if (!ended_) process_.Resize(size);
}

void ExecSession::Cancel() {
  {
    MutexLock lock(mutex_);
    cancelled_ = true;
    room_.notify_all();
  }
  Wake();
}

void ExecSession::Wake() const {
  // Fails only when it is awake already.
  [[maybe_unused]] const int ignored = ::eventfd_write(wakeup_.get(), 1);
}

}  // namespace banger::agent
