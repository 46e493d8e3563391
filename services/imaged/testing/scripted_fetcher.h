// A registry's blobs as a test wants them to come.
#pragma once

#include <algorithm>
#include <condition_variable>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/sync/mutex.h"
#include "services/imaged/adapters/blob_fetcher.h"

namespace banger::imaged {

class ScriptedFetcher final : public BlobFetcher {
 public:
  // Serves `bytes` under that digest, right or wrong.
  void Serve(const std::string& digest, const std::string& bytes) { blobs_[digest] = bytes; }

  // Lets at most so many bytes of each blob through until it is called again.
  void Allow(std::size_t bytes) {
    const MutexLock lock(mutex_);
    allowed_ = bytes;
    changed_.notify_all();
  }

  // Breaks off with that error at that byte.
  void FailAt(std::size_t byte, absl::Status error) {
    fail_at_ = byte;
    error_ = std::move(error);
  }

  absl::Status Fetch(const Descriptor& blob, std::int64_t offset, const Sink& sink,
                     const std::stop_token& stop) override {
    {
      const MutexLock lock(mutex_);
      offsets_.push_back(offset);
      most_at_once_ = std::max(most_at_once_, ++running_);
    }
    const absl::Status status = Send(blobs_.at(blob.digest), static_cast<std::size_t>(offset), sink, stop);
    const MutexLock lock(mutex_);
    --running_;
    return status;
  }

  // Where each fetch began.
  std::vector<std::int64_t> offsets() const {
    const MutexLock lock(mutex_);
    return offsets_;
  }

  int most_at_once() const {
    const MutexLock lock(mutex_);
    return most_at_once_;
  }

 private:
  absl::Status Send(const std::string& bytes, std::size_t position, const Sink& sink,
                    const std::stop_token& stop) {
    constexpr std::size_t kPiece = 16 << 10;
    for (;;) {
      std::size_t end = std::min({position + kPiece, bytes.size(), fail_at_});
      {
        MutexLock lock(mutex_);
        changed_.wait(lock, stop, [&]() ABSL_NO_THREAD_SAFETY_ANALYSIS {
          return allowed_ > position || position == end;
        });
        end = std::min(end, std::max(allowed_, position));
      }
      if (stop.stop_requested()) return absl::CancelledError("stopped");
      if (position == fail_at_) return error_;
      if (position >= bytes.size()) return absl::OkStatus();
      if (const absl::Status taken = sink(absl::string_view(bytes).substr(position, end - position));
          !taken.ok())
        return taken;
      position = end;
    }
  }

  std::map<std::string, std::string> blobs_;
  std::size_t fail_at_ = std::string::npos;
  absl::Status error_;
  mutable Mutex mutex_;
  std::condition_variable_any changed_;
  std::size_t allowed_ ABSL_GUARDED_BY(mutex_) = std::string::npos;
  std::vector<std::int64_t> offsets_ ABSL_GUARDED_BY(mutex_);
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
  int most_at_once_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace banger::imaged
