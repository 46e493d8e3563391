#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <thread>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"

namespace banger::vmd {

// QEMU's machine protocol: JSON lines on a Unix socket. The peer is a process
// that runs a hostile guest, so nothing it sends is believed: lines are bounded,
// every wait has a deadline, and whatever is no QMP ends the connection.
// Thread-safe.
class QmpClient {
 public:
  using OnEvent = std::function<void(const std::string& name, const nlohmann::json& data)>;

  // Greets in the background: Execute waits for it. `on_event` is called from
  // the client's own thread.
  QmpClient(UniqueFd socket, OnEvent on_event);
  ~QmpClient();
  QmpClient(const QmpClient&) = delete;
  QmpClient& operator=(const QmpClient&) = delete;

  // DEADLINE_EXCEEDED when no answer came, UNAVAILABLE once the connection has
  // ended, INTERNAL with QEMU's words when it refused.
  // A `descriptor` that is given goes with the command; QEMU gets its own copy.
  absl::StatusOr<nlohmann::json> Execute(const std::string& command, std::chrono::milliseconds timeout,
                                         const nlohmann::json& arguments = {}, int descriptor = -1);

  // True when the connection has ended and all events have been delivered.
  bool WaitForEnd(std::chrono::milliseconds timeout);

 private:
  void Read();
  bool HandleLine(const std::string& line);
  bool HandleReply(const nlohmann::json& message);
  absl::Status Send(const nlohmann::json& message, int descriptor = -1);

  const UniqueFd socket_;
  const OnEvent on_event_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  bool ready_ ABSL_GUARDED_BY(mutex_) = false;
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::int64_t next_id_ ABSL_GUARDED_BY(mutex_) = 1;
  // Commands that wait, by id; empty until the answer has come.
  std::map<std::int64_t, std::optional<nlohmann::json>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::thread reader_;
};

}  // namespace banger::vmd
