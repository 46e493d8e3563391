#pragma once

#include <memory>
#include <stop_token>
#include <utility>

#include "common/sync/mutex.h"
#include "common/sync/progress.h"
#include "services/imaged/adapters/cache/blob_cache.h"
#include "services/imaged/adapters/oci_image.h"
#include "services/imaged/adapters/registry/registry_client.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// Who hears of a pull as long as that lasts: a download may go on for another
// one. Thread-safe.
class PullListener {
 public:
  explicit PullListener(ProgressFn progress) : progress_(std::move(progress)) {}

  void Tell(const Progress& progress) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    if (progress_) progress_(progress);
  }
  void Leave() ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    progress_ = nullptr;
  }

 private:
  Mutex mutex_;
  ProgressFn progress_ ABSL_GUARDED_BY(mutex_);
};

// Fetches an image's layers into the cache and lays them over each other while
// they arrive. What the cache's disk has damaged is fetched anew.
class PullBuilder final : public RootfsBuilder {
 public:
  PullBuilder(BlobCache& cache, std::shared_ptr<RegistryClient> client, OciImage image,
              std::shared_ptr<PullListener> listener)
      : cache_(cache), client_(std::move(client)), image_(std::move(image)), listener_(std::move(listener)) {}
  ~PullBuilder() override { listener_->Leave(); }

  absl::StatusOr<BuiltRootfs> Build(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                    const std::stop_token& stop) override;

 private:
  absl::StatusOr<BuiltRootfs> BuildOnce(const std::filesystem::path& rootfs, std::int64_t wanted_bytes,
                                        const std::stop_token& stop);
  bool DropDamaged(const std::stop_token& stop);

  BlobCache& cache_;
  const std::shared_ptr<RegistryClient> client_;
  const OciImage image_;
  const std::shared_ptr<PullListener> listener_;
};

}  // namespace banger::imaged
