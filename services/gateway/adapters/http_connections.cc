#include "services/gateway/adapters/http_connections.h"

#include <sys/socket.h>

#include <algorithm>
#include <stop_token>

namespace banger::gateway {

HttpConnections::HttpConnections(std::chrono::milliseconds request_time)
    : request_time_(request_time), watcher_([this](const std::stop_token& stop) { Watch(stop); }) {}

void HttpConnections::Add(const void* key, int socket) {
  const MutexLock lock(mutex_);
  connections_[key] = {.socket = socket, .answers = false, .since = Clock::now()};
}

void HttpConnections::Remove(const void* key) {
  const MutexLock lock(mutex_);
  connections_.erase(key);
}

void HttpConnections::Answers(const void* key) {
  const MutexLock lock(mutex_);
  const auto found = connections_.find(key);
  if (found != connections_.end()) found->second.answers = true;
}

void HttpConnections::Waits(const void* key) {
  const MutexLock lock(mutex_);
  const auto found = connections_.find(key);
  if (found == connections_.end()) return;
  found->second.answers = false;
  found->second.since = Clock::now();
}

// The connection's own thread sees the end and cleans up.
void HttpConnections::Watch(const std::stop_token& stop) {
  const auto pause = std::min<std::chrono::milliseconds>(request_time_ / 4, std::chrono::seconds(1));
  MutexLock lock(mutex_);
  while (!stop.stop_requested()) {
    never_.wait_for(lock, stop, pause, [] { return false; });
    const Clock::time_point latest = Clock::now() - request_time_;
    for (const auto& [key, connection] : connections_)
      if (!connection.answers && connection.since < latest) ::shutdown(connection.socket, SHUT_RDWR);
  }
}

}  // namespace banger::gateway
