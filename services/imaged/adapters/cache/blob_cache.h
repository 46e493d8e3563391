#pragma once

#include <condition_variable>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"
#include "common/sync/mutex.h"
#include "services/imaged/adapters/blob_fetcher.h"
#include "services/imaged/adapters/cache/blob_download.h"
#include "services/imaged/adapters/cache/blob_files.h"

namespace banger::imaged {

class BlobCache;

// A claim on a blob: as long as one is held, the blob stays, and is fetched if it
// was not there. Fetching stops when the last claim goes. Thread-safe.
class CachedBlob {
 public:
  CachedBlob(CachedBlob&&) noexcept = default;
  CachedBlob& operator=(CachedBlob&& other) noexcept;
  ~CachedBlob();

  // The blob from its begin, while it still arrives; fails at its end instead of
  // ending when the blob is not what its descriptor says. May outlive the claim,
  // but then only reads what is there.
  std::unique_ptr<ByteSource> Read(const std::stop_token& stop) const;

  // See BlobDownload.
  absl::StatusOr<std::int64_t> Await(std::int64_t position, const std::stop_token& stop) const;
  absl::Status AwaitPublished(const std::stop_token& stop) const;

 private:
  friend class BlobCache;
  CachedBlob(BlobCache& cache, std::shared_ptr<BlobDownload> download);
  struct Release {
    std::shared_ptr<BlobDownload> download;
    void operator()(BlobCache* cache) const;
  };

  std::unique_ptr<BlobCache, Release> claim_;
};

// Blobs of registries by their digest, shared by all pulls: each is fetched once,
// however many want it at the same time. What arrived of a broken or killed
// download is kept for the next one. Thread-safe.
class BlobCache {
 public:
  struct Usage {
    std::int64_t bytes = 0;
    std::int64_t blobs = 0;  // partial ones count

    void Add(std::int64_t size) {
      bytes += size;
      ++blobs;
    }
    void Remove(std::int64_t size) {
      bytes -= size;
      --blobs;
    }
  };
  struct Pruned {
    Usage removed;
    Usage kept;
  };

  // Only one process may use the directory. Above `max_bytes` the blobs that
  // nobody needed for the longest time go, but never one that is claimed.
  static absl::StatusOr<std::unique_ptr<BlobCache>> Open(const std::filesystem::path& directory,
                                                         std::int64_t max_bytes);
  // All claims must be gone. Waits for the downloads that they have stopped.
  ~BlobCache();

  // IMAGE_CORRUPT for an impossible descriptor, also when the blob is known to have
  // another size. Waits only while an abandoned download of the same blob ends.
  absl::StatusOr<CachedBlob> Claim(const Descriptor& blob, std::shared_ptr<BlobFetcher> fetcher,
                                   const std::stop_token& stop) ABSL_LOCKS_EXCLUDED(mutex_);

  // Reads a whole blob again, for when what came of it was no good. One that the
  // disk has damaged is dropped, also for whoever claims it from now on; whether
  // that was so. False also when stopped.
  bool DropIfDamaged(const std::string& digest, const std::stop_token& stop) ABSL_LOCKS_EXCLUDED(mutex_);

  // Removes all that is not claimed, or only says what that is.
  absl::StatusOr<Pruned> Prune(bool dry_run) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class CachedBlob;
  struct Entry {
    std::shared_ptr<BlobDownload> download;
    std::stop_source stop;
    int claims = 0;
    bool running = false;
  };

  BlobCache(BlobFiles files, std::int64_t max_bytes) : files_(std::move(files)), max_bytes_(max_bytes) {}
  absl::StatusOr<Entry*> FindOrBegin(const Descriptor& blob, std::shared_ptr<BlobFetcher> fetcher)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Run(const std::shared_ptr<BlobDownload>& download, const std::stop_token& stop)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Release(const std::shared_ptr<BlobDownload>& download) ABSL_LOCKS_EXCLUDED(mutex_);
  bool MakeRoom() ABSL_LOCKS_EXCLUDED(mutex_);
  // Removes what is not claimed, oldest first, until no more than so many bytes
  // are left.
  absl::StatusOr<Pruned> Shrink(std::int64_t max_bytes, bool dry_run) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const BlobFiles files_;
  const std::int64_t max_bytes_;
  Mutex mutex_;
  std::condition_variable_any ended_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);  // by digest
  int running_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace banger::imaged
