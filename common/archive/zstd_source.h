#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"

struct ZSTD_DCtx_s;

namespace banger {

// What zstd frames unpack to, strictly: DATA_LOSS for anything before, between
// or behind them, and for a source that ends within one. Reads the source to
// its end. At most 128 MiB of window (zstd --long), so a frame decides about no
// more memory than that. Not thread-safe.
class ZstdSource final : public ByteSource {
 public:
  // The source must outlive it.
  explicit ZstdSource(ByteSource& source);
  ~ZstdSource() override;

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override;

 private:
  struct Free {
    void operator()(ZSTD_DCtx_s* context) const;
  };

  ByteSource& source_;
  const std::unique_ptr<ZSTD_DCtx_s, Free> context_;
  std::vector<char> input_;
  std::size_t begin_ = 0;  // of what is left of the input
  std::size_t end_ = 0;
  bool in_frame_ = true;  // also before the first one, which has to come
};

}  // namespace banger
