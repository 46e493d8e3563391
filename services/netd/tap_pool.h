#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <thread>

#include "common/sync/mutex.h"
#include "services/netd/core/network.h"

namespace banger::netd {

// Keeps spare taps ready while VMs run, on a thread of its own, so that no
// request waits for their making. When none has run for a while it takes all off
// the host again.
class TapPool {
 public:
  struct Options {
    std::size_t size = 4;
    // VMs often start together: they are not to wait for spare taps being made.
    std::chrono::milliseconds settle{100};
    // One VM often follows another.
    std::chrono::milliseconds linger = std::chrono::seconds(30);
  };

  // `network` must outlive it.
  TapPool(const Options& options, Network& network);
  // Leaves what is there.
  ~TapPool();
  TapPool(const TapPool&) = delete;
  TapPool& operator=(const TapPool&) = delete;

 private:
  void Run() ABSL_LOCKS_EXCLUDED(mutex_);
  // False: it ends. Returns a moment after taps have changed, or when nobody has
  // told of a change until the deadline.
  bool Wait(std::chrono::steady_clock::time_point deadline) ABSL_LOCKS_EXCLUDED(mutex_);

  const Options options_;
  Network& network_;
  Mutex mutex_;
  std::condition_variable_any wake_;
  bool changed_ ABSL_GUARDED_BY(mutex_) = true;
  bool ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace banger::netd
