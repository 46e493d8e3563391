#include "services/imaged/adapters/cache/blob_prefetch.h"

#include <algorithm>
#include <utility>

#include "common/status/status_macros.h"

namespace banger::imaged {
namespace {

constexpr std::size_t kParallel = 4;

}  // namespace

BlobPrefetch::BlobPrefetch(BlobCache& cache, std::shared_ptr<BlobFetcher> fetcher,
                           std::vector<Descriptor> blobs, OnProgress on_progress, const std::stop_token& stop)
    : cache_(cache),
      fetcher_(std::move(fetcher)),
      blobs_(std::move(blobs)),
      on_progress_(std::move(on_progress)),
      on_stop_(stop, [this] { stop_.request_stop(); }),
      slots_(blobs_.size()) {
  for (std::size_t i = 0; i < std::min(kParallel, blobs_.size()); ++i)
    threads_.emplace_back([this] { Work(); });
}

BlobPrefetch::~BlobPrefetch() {
  stop_.request_stop();
  for (std::thread& thread : threads_) thread.join();
}

void BlobPrefetch::Work() {
  for (;;) {
    std::size_t index = 0;
    {
      const MutexLock lock(mutex_);
      if (next_ == blobs_.size()) return;
      index = next_++;
    }
    absl::StatusOr<CachedBlob> claimed = cache_.Claim(blobs_[index], fetcher_, stop_.get_token());
    const CachedBlob* blob = nullptr;
    {
      const MutexLock lock(mutex_);
      slots_[index] = std::move(claimed);
      if (slots_[index]->ok()) blob = &**slots_[index];
      changed_.notify_all();
    }
    if (blob != nullptr) FollowProgress(*blob);
  }
}

// Until it is whole, so that not too many are on their way at once.
void BlobPrefetch::FollowProgress(const CachedBlob& blob) {
  for (std::int64_t seen = 0;;) {
    const absl::StatusOr<std::int64_t> available = blob.Await(seen, stop_.get_token());
    if (!available.ok() || *available == seen) return;
    const MutexLock lock(mutex_);
    bytes_ += *available - seen;
    seen = *available;
    if (on_progress_) on_progress_(bytes_);
  }
}

// A claim stays where it is as long as the prefetch.
absl::StatusOr<const CachedBlob*> BlobPrefetch::AwaitClaim(std::size_t index, const std::stop_token& stop) {
  MutexLock lock(mutex_);
  const bool begun = changed_.wait(
      lock, stop, [this, index]() ABSL_NO_THREAD_SAFETY_ANALYSIS { return slots_[index].has_value(); });
  if (!begun) return absl::CancelledError("stopped");
  BANGER_RETURN_IF_ERROR(slots_[index]->status());
  return &**slots_[index];
}

absl::StatusOr<std::unique_ptr<ByteSource>> BlobPrefetch::Open(std::size_t index,
                                                               const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(const CachedBlob* const blob, AwaitClaim(index, stop));
  return blob->Read(stop);
}

absl::Status BlobPrefetch::AwaitAll() {
  for (std::size_t i = 0; i < blobs_.size(); ++i) {
    BANGER_ASSIGN_OR_RETURN(const CachedBlob* const blob, AwaitClaim(i, stop_.get_token()));
    BANGER_RETURN_IF_ERROR(blob->AwaitPublished(stop_.get_token()));
  }
  return absl::OkStatus();
}

}  // namespace banger::imaged
