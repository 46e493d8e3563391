#pragma once

#include <chrono>
#include <stop_token>
#include <thread>

#include "common/sync/pause.h"

namespace banger {

// A token that stops after a while, or with its parent.
class DeadlineStop {
 public:
  DeadlineStop(std::chrono::milliseconds timeout, const std::stop_token& parent)
      : on_parent_(parent, RequestStop{source_}), timer_([this, timeout](const std::stop_token& done) {
          if (PauseFor(timeout, done)) source_.request_stop();
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
