#pragma once

#include <curl/curl.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <set>
#include <thread>
#include <utility>

#include "absl/status/statusor.h"
#include "common/sync/mutex.h"

namespace banger::http {

// Connections that transfers share: each is used again by the next transfer to
// its server, and by several at once where the server speaks HTTP/2. A thread of
// the pool's own moves all bytes. Thread-safe.
class ConnectionPool {
 public:
  // Told on the pool's thread, which it must not hold up.
  class Client {
   public:
    virtual ~Client() = default;
    virtual void OnDone(CURLcode code) = 0;
  };

  static absl::StatusOr<std::shared_ptr<ConnectionPool>> Create();
  // No transfer may be left.
  ~ConnectionPool();
  ConnectionPool(const ConnectionPool&) = delete;
  ConnectionPool& operator=(const ConnectionPool&) = delete;

  // Starts a transfer. Its callbacks run on the pool's thread.
  void Add(CURL* easy, Client& client) ABSL_LOCKS_EXCLUDED(mutex_);

  // Lets a transfer go on that its callback has paused.
  void Resume(CURL* easy) ABSL_LOCKS_EXCLUDED(mutex_);

  // Ends it; no callback runs afterwards.
  void Remove(CURL* easy) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct FreeMulti {
    void operator()(CURLM* handle) const { curl_multi_cleanup(handle); }
  };
  struct Order {
    enum class Kind { kAdd, kResume, kRemove } kind;
    CURL* easy;
  };

  ConnectionPool() : multi_(curl_multi_init()) {}
  void Give(Order order) ABSL_LOCKS_EXCLUDED(mutex_);
  void Run();
  // False when the pool is closing.
  bool Obey() ABSL_LOCKS_EXCLUDED(mutex_);
  void TellWhoIsDone();

  const std::unique_ptr<CURLM, FreeMulti> multi_;
  Mutex mutex_;
  std::condition_variable_any removed_;
  std::deque<Order> orders_ ABSL_GUARDED_BY(mutex_);
  std::set<CURL*> known_ ABSL_GUARDED_BY(mutex_);
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace banger::http
