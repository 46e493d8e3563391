// The wire between a client and a server on this host, which a test can stop or
// cut at a byte of its choice. For tests.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"

namespace banger {

// Thread-safe.
class TcpRelay {
 public:
  // Relays to that port of 127.0.0.1.
  explicit TcpRelay(int server_port);
  ~TcpRelay();
  TcpRelay(const TcpRelay&) = delete;
  TcpRelay& operator=(const TcpRelay&) = delete;

  // "127.0.0.1:PORT".
  std::string host() const;

  // Everything passes from now on; counts from zero.
  void Open() ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, but after so many bytes of the server's nothing more passes.
  void HoldAt(std::int64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same, but then all connections break, and new ones until it is opened.
  void CutAt(std::int64_t bytes) ABSL_LOCKS_EXCLUDED(mutex_);

  // What has passed from the server to its clients.
  std::int64_t passed() const ABSL_LOCKS_EXCLUDED(mutex_);
  // Whether it has been cut and not opened since.
  bool broken() const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many clients have ever connected.
  int accepted() const ABSL_LOCKS_EXCLUDED(mutex_);
  // How many are connected now.
  std::size_t connections() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Restart(std::int64_t limit, bool cut) ABSL_LOCKS_EXCLUDED(mutex_);
  void Accept();
  void Serve(int client) ABSL_LOCKS_EXCLUDED(mutex_);
  void Pass(int client, int server);
  // False when the connection is over.
  bool PassFromServer(int client, int server) ABSL_LOCKS_EXCLUDED(mutex_);
  void BreakAll() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const int server_port_;
  UniqueFd listener_;
  int port_ = 0;
  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::int64_t passed_ ABSL_GUARDED_BY(mutex_) = 0;
  std::int64_t limit_ ABSL_GUARDED_BY(mutex_) = INT64_MAX;
  bool cut_ ABSL_GUARDED_BY(mutex_) = false;     // at the limit
  bool broken_ ABSL_GUARDED_BY(mutex_) = false;  // now
  int accepted_ ABSL_GUARDED_BY(mutex_) = 0;
  bool closing_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<int, int> connections_ ABSL_GUARDED_BY(mutex_);  // client -> server
  std::vector<std::thread> threads_ ABSL_GUARDED_BY(mutex_);
  std::thread acceptor_;
};

}  // namespace banger
