#pragma once

#include <dirent.h>
#include <prometheus/registry.h>

#include <memory>

#include "common/os/unique_fd.h"
#include "common/sync/mutex.h"

namespace banger::rpc {

// What this process uses, by the names that all of Prometheus' clients have: process_*.
// Keeps two files of /proc open, so that it goes on where no other can be opened any
// more. What cannot be read is left out. Thread-safe.
class ProcessMetrics {
 public:
  ProcessMetrics();

  void AddTo(prometheus::Registry& registry);

 private:
  struct CloseDirectory {
    void operator()(DIR* directory) const { ::closedir(directory); }
  };

  void AddDescriptors(prometheus::Registry& registry);

  const UniqueFd stat_;
  double start_time_ = 0;  // seconds since the epoch; 0: unknown
  Mutex mutex_;
  const std::unique_ptr<DIR, CloseDirectory> descriptors_ ABSL_PT_GUARDED_BY(mutex_);
  double max_descriptors_ = 0;  // 0: unknown, or without limit
};

}  // namespace banger::rpc
