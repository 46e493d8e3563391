#pragma once

#include <functional>
#include <stop_token>
#include <thread>

#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"

namespace banger::cli {

// Takes SIGINT, SIGTERM, SIGHUP, SIGQUIT and SIGWINCH on a thread of its own.
// Without a handler the first of the ending ones requests the stop, and the
// next one ends the process at once (exit code 130). SIGQUIT without a handler
// ends the process as it always does. Make it before any other thread.
class Signals {
 public:
  using Handler = std::function<void(int)>;

  Signals();
  ~Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Requested when the user wants out.
  std::stop_token stop() const { return stop_.get_token(); }

  // Gives the signals to `handler`, on the signal thread; empty takes them back
  // and returns once no call of the old one runs any more.
  void SetHandler(Handler handler) ABSL_LOCKS_EXCLUDED(mutex_);

  // The same as a signal that no handler took.
  void RequestStop() { stop_.request_stop(); }

 private:
  void Run();
  void Dispatch(int signal) ABSL_LOCKS_EXCLUDED(mutex_);

  std::stop_source stop_;
  UniqueFd signals_;
  UniqueFd quit_;
  Mutex mutex_;
  Handler handler_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace banger::cli
