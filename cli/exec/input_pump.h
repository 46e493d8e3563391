#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <stop_token>
#include <vector>

#include "banger/exec/v1/exec.pb.h"
#include "cli/wake.h"
#include "common/sync/mutex.h"

namespace banger::cli {

// Gathers what goes to a command in a guest: our stdin, the terminal's sizes,
// signals. Run sends it from one thread; the other methods are thread-safe.
class InputPump {
 public:
  struct Options {
    bool forward_stdin = false;
    bool tty = false;
  };
  // False once the stream takes no more.
  using Send = std::function<bool(const exec::v1::Input&)>;

  InputPump(Options options, Send send, std::function<void()> give_up);

  // Until Finish or until nothing can be sent.
  void Run();

  // For the signals of the process, also SIGWINCH.
  void OnSignal(int signal) ABSL_LOCKS_EXCLUDED(mutex_);

  void Finish() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Pending {
    bool finished = false;
    std::vector<exec::v1::Input> inputs;
    std::optional<std::chrono::steady_clock::time_point> deadline;
  };

  Pending TakePending() ABSL_LOCKS_EXCLUDED(mutex_);
  bool SendStdin();

  const Options options_;
  const Send send_;
  const std::function<void()> give_up_;
  Wake wake_;
  bool stdin_open_;
  Mutex mutex_;
  Pending pending_ ABSL_GUARDED_BY(mutex_);
  int interrupts_ ABSL_GUARDED_BY(mutex_) = 0;
};

// The size of our terminal as the API has it.
exec::v1::WindowSize CurrentWindowSize();

}  // namespace banger::cli
