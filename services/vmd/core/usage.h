// What VMs use, as the host and as the guest sees it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>

#include "absl/status/statusor.h"

namespace banger::vmd {

// Of a VMM, since it started. What the host does not tell is 0.
struct HostUsage {
  std::chrono::steady_clock::time_point when;
  std::chrono::microseconds cpu_time{0};
  std::int64_t memory_bytes = 0;  // its proportional share of the pages it has
  std::int64_t disk_read_bytes = 0;
  std::int64_t disk_written_bytes = 0;
  std::int64_t network_received_bytes = 0;  // by the guest
  std::int64_t network_sent_bytes = 0;
  bool stopped = false;  // by a signal: nothing of it runs
};

struct GuestUsage {
  std::int64_t memory_total_bytes = 0;
  std::int64_t memory_available_bytes = 0;
  double load = 0;  // runnable tasks, over one minute
  std::int64_t rootfs_used_bytes = 0;
  std::int64_t rootfs_size_bytes = 0;
  std::int64_t home_used_bytes = 0;
  std::int64_t home_size_bytes = 0;
};

// Thread-safe.
class UsageMeter {
 public:
  virtual ~UsageMeter() = default;
  // NOT_FOUND when there is no such process.
  virtual absl::StatusOr<HostUsage> Measure(pid_t vmm) = 0;
};

}  // namespace banger::vmd
