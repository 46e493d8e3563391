#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <memory>
#include <span>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"
#include "common/sync/mutex.h"

namespace banger {

// Reads a source on a thread of its own, at most 2 MiB ahead of its reader, so
// that fetching and unpacking run at the same time. Its reader is one thread.
class ReadAhead final : public ByteSource {
 public:
  // Makes the source on the new thread's behalf; a Read of it has to return
  // soon after the token was stopped, which happens when the reader leaves.
  using MakeSource = std::function<absl::StatusOr<std::unique_ptr<ByteSource>>(const std::stop_token& stop)>;

  // `stop` ends reading with CANCELLED.
  ReadAhead(MakeSource make, const std::stop_token& stop);
  // Stops the source and waits for its thread.
  ~ReadAhead() override;

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Run(const MakeSource& make);
  // False when the reader has left.
  bool Put(std::vector<char> piece) ABSL_LOCKS_EXCLUDED(mutex_);
  void End(absl::Status status) ABSL_LOCKS_EXCLUDED(mutex_);

  std::stop_source stop_;
  std::stop_callback<std::function<void()>> on_stop_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::vector<std::vector<char>> full_ ABSL_GUARDED_BY(mutex_);   // oldest first
  std::vector<std::vector<char>> empty_ ABSL_GUARDED_BY(mutex_);  // to be filled again
  bool ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status end_ ABSL_GUARDED_BY(mutex_);
  std::vector<char> current_;  // being read
  std::size_t used_ = 0;       // of it
  std::thread thread_;
};

}  // namespace banger
