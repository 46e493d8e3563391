#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"

struct inflate_state;

namespace banger {

// What gzip members unpack to, by ISA-L, strictly: DATA_LOSS for a wrong
// checksum, for anything before, between or behind the members, and for a source
// that ends within one. Reads the source to its end. Not thread-safe.
class GzipSource final : public ByteSource {
 public:
  // The source must outlive it.
  explicit GzipSource(ByteSource& source);
  ~GzipSource() override;

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override;

 private:
  absl::StatusOr<bool> Refill();

  ByteSource& source_;
  const std::unique_ptr<inflate_state> state_;
  std::vector<char> input_;
};

}  // namespace banger
