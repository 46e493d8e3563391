#pragma once

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"
#include "common/sync/mutex.h"
#include "services/imaged/adapters/cache/blob_cache.h"

namespace banger::imaged {

// The blobs that one pull needs: claimed and fetched in their order, a few at a
// time, ahead of whoever reads them.
class BlobPrefetch {
 public:
  // Called with the bytes of all blobs that are here so far, on threads of the
  // prefetch, one call at a time.
  using OnProgress = std::function<void(std::int64_t bytes)>;

  // `stop` ends everything with CANCELLED.
  BlobPrefetch(BlobCache& cache, std::shared_ptr<BlobFetcher> fetcher, std::vector<Descriptor> blobs,
               OnProgress on_progress, const std::stop_token& stop);
  // Stops what still runs.
  ~BlobPrefetch();

  // The blob at that index, to be read while it arrives. Waits until its download
  // has begun; a stop ends that, and reading, with CANCELLED. Thread-safe.
  absl::StatusOr<std::unique_ptr<ByteSource>> Open(std::size_t index, const std::stop_token& stop)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Until all blobs are in the cache for good. Thread-safe.
  absl::Status AwaitAll() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Slot = std::optional<absl::StatusOr<CachedBlob>>;

  void Work() ABSL_LOCKS_EXCLUDED(mutex_);
  absl::StatusOr<const CachedBlob*> AwaitClaim(std::size_t index, const std::stop_token& stop)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void FollowProgress(const CachedBlob& blob) ABSL_LOCKS_EXCLUDED(mutex_);

  BlobCache& cache_;
  const std::shared_ptr<BlobFetcher> fetcher_;
  const std::vector<Descriptor> blobs_;
  const OnProgress on_progress_;
  std::stop_source stop_;
  std::stop_callback<std::function<void()>> on_stop_;
  Mutex mutex_;
  std::condition_variable_any changed_;
  std::size_t next_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<Slot> slots_ ABSL_GUARDED_BY(mutex_);
  std::int64_t bytes_ ABSL_GUARDED_BY(mutex_) = 0;
  std::vector<std::thread> threads_;
};

}  // namespace banger::imaged
