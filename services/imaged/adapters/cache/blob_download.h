#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"
#include "services/imaged/adapters/blob_fetcher.h"
#include "services/imaged/adapters/cache/blob_files.h"

namespace banger::imaged {

// One blob on its way into the cache, or there already. Whoever waits for it
// sees its bytes as they arrive, but its end only once all have been verified.
// Thread-safe.
class BlobDownload {
 public:
  // Gives disk space back; false when there is none to give.
  using MakeRoom = std::function<bool()>;

  BlobDownload(BlobFiles files, Descriptor blob, MakeRoom make_room);

  // Of a blob that is whole.
  BlobDownload(BlobFiles files, Descriptor blob);

  const Descriptor& blob() const { return blob_; }

  // Another one to fetch with, should those before fail. False when the download
  // has failed already.
  bool AddFetcher(std::shared_ptr<BlobFetcher> fetcher) ABSL_LOCKS_EXCLUDED(mutex_);

  // Takes up what a broken download left, fetches the rest, verifies and
  // publishes. Called once.
  void Run(const std::stop_token& stop) ABSL_LOCKS_EXCLUDED(mutex_);

  // How many bytes there are: more than `position`, or, when that is the blob's
  // size and all is verified, just that. CANCELLED when stopped.
  absl::StatusOr<std::int64_t> Await(std::int64_t position, const std::stop_token& stop) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Until it is in the cache for ever, or never will be.
  absl::Status AwaitPublished(const std::stop_token& stop) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Once there is something to read.
  absl::StatusOr<UniqueFd> OpenForReading() const;

 private:
  class Arrival;

  absl::Status Fetch(const std::stop_token& stop);
  absl::Status FetchInto(Arrival& arrival, const std::stop_token& stop);
  absl::Status Publish(int fd) ABSL_LOCKS_EXCLUDED(mutex_);
  void Announce(std::int64_t available) ABSL_LOCKS_EXCLUDED(mutex_);

  const BlobFiles files_;
  const Descriptor blob_;
  const MakeRoom make_room_;
  mutable Mutex mutex_;
  mutable std::condition_variable_any changed_;
  std::deque<std::shared_ptr<BlobFetcher>> fetchers_ ABSL_GUARDED_BY(mutex_);
  std::int64_t available_ ABSL_GUARDED_BY(mutex_) = 0;
  std::optional<absl::Status> verified_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> published_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::imaged
