#pragma once

#include <chrono>
#include <condition_variable>
#include <map>
#include <thread>

#include "common/sync/mutex.h"

namespace banger::gateway {

// The connections of an HTTP server, to end those whose next request does not come in
// time: neither slowly nor at all. Thread-safe.
class HttpConnections {
 public:
  explicit HttpConnections(std::chrono::milliseconds request_time);

  // `key` is the connection, `socket` open until Remove has returned.
  void Add(const void* key, int socket);
  void Remove(const void* key);

  // A request is whole, and being answered; until Waits again it may take any time.
  void Answers(const void* key);
  void Waits(const void* key);

 private:
  using Clock = std::chrono::steady_clock;
  struct Connection {
    int socket = -1;
    bool answers = false;
    Clock::time_point since;
  };

  void Watch(const std::stop_token& stop);

  const std::chrono::milliseconds request_time_;
  Mutex mutex_;
  std::condition_variable_any never_;
  std::map<const void*, Connection> connections_ ABSL_GUARDED_BY(mutex_);
  std::jthread watcher_;  // last: it uses the others
};

}  // namespace banger::gateway
