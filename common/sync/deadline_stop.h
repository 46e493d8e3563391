#pragma once

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <stop_token>
#include <thread>

namespace banger {

// A token that stops after a while, or with its parent.
class DeadlineStop {
 public:
  DeadlineStop(std::chrono::milliseconds timeout, const std::stop_token& parent)
      : on_parent_(parent, RequestStop{source_}), timer_([this, timeout](const std::stop_token& done) {
          std::mutex mutex;
          std::condition_variable_any never;
          std::unique_lock lock(mutex);
          never.wait_for(lock, done, timeout, [] { return false; });
          if (!done.stop_requested()) source_.request_stop();
        }) {}
  std::stop_token token() const { return source_.get_token(); }

 private:
  struct RequestStop {
    std::stop_source& source;
    void operator()() const { source.request_stop(); }
  };
  std::stop_source source_;
  std::stop_callback<RequestStop> on_parent_;
  std::jthread timer_;
};

}  // namespace banger
