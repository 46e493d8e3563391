// Moves a command's bytes until it ends.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"
#include "services/agent/adapters/exec_process.h"

namespace banger::agent {

// One thread runs Run; the other methods are for any thread. The program ignores
// SIGPIPE: a command may close its input at any time.
class ExecSession {
 public:
  // Where output goes. Blocks as long as the receiver wants, which holds the
  // command back; false when there is no receiver any more.
  struct Sink {
    std::function<bool(absl::string_view)> out;
    std::function<bool(absl::string_view)> err;
  };

  static absl::StatusOr<std::unique_ptr<ExecSession>> Create(ExecProcess process, Sink sink);

  // Until the command has ended and what it wrote is sent: also when something
  // in the background still holds its output open. Empty when there was no
  // receiver or Cancel came; the command is gone then as well.
  std::optional<ExecResult> Run();

  // Waits while too much is there that the command has not read; drops the bytes
  // when it reads no more.
  void AddInput(absl::string_view bytes);
  void CloseInput();
  void Signal(int signal);
  void Resize(const TerminalSize& size);
  void Cancel();

 private:
  ExecSession(ExecProcess process, Sink sink, UniqueFd wakeup, bool tty);

  void Wake() const;
  std::optional<ExecResult> Finish(bool received);
  bool Poll(bool* ended);
  void WriteInput();
  bool ReadOutput(UniqueFd& fd, const std::function<bool(absl::string_view)>& send, std::size_t max);

  ExecProcess process_;
  const Sink sink_;
  const UniqueFd wakeup_;
  const bool tty_;
  std::string buffer_;

  Mutex mutex_;
  std::condition_variable_any room_;
  std::string input_ ABSL_GUARDED_BY(mutex_);
  bool input_closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool cancelled_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace banger::agent
