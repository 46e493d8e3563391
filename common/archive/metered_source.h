#pragma once

#include <cstdint>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"
#include "common/sync/progress.h"

namespace banger {

// Passes bytes on, reports how many (unless the stage is empty), and ends with
// CANCELLED when stopped.
class MeteredSource final : public ByteSource {
 public:
  // All must outlive it.
  MeteredSource(ByteSource& source, std::string stage, std::int64_t total_bytes, const ProgressFn& progress,
                const std::stop_token& stop)
      : source_(source),
        progress_(progress),
        stop_(stop),
        step_{.stage = std::move(stage), .total_bytes = total_bytes} {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    if (stop_.stop_requested()) return absl::CancelledError("the caller has left");
    absl::StatusOr<std::size_t> count = source_.Read(buffer);
    if (count.ok()) {
      step_.done_bytes += static_cast<std::int64_t>(*count);
      if (!step_.stage.empty()) progress_(step_);
    }
    return count;
  }

 private:
  ByteSource& source_;
  const ProgressFn& progress_;
  const std::stop_token& stop_;
  Progress step_;
};

}  // namespace banger
