#pragma once

#include <filesystem>

#include "services/vmd/core/usage.h"

namespace banger::vmd {

// Reads /proc: the VMM's times, its share of memory, its storage bytes, and the
// counters of the tap that it holds.
class ProcessUsage final : public UsageMeter {
 public:
  explicit ProcessUsage(std::filesystem::path proc = "/proc") : proc_(std::move(proc)) {}

  absl::StatusOr<HostUsage> Measure(pid_t vmm) override;

 private:
  const std::filesystem::path proc_;
};

}  // namespace banger::vmd
