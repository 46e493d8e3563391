#pragma once

#include <algorithm>
#include <functional>
#include <span>
#include <string>
#include <utility>

#include "common/archive/byte_source.h"
#include "common/status/status_macros.h"

namespace banger {

// Bytes that come in chunks of any size, as the messages of a call carry them.
class ChunkSource final : public ByteSource {
 public:
  // Gives one after another, at the end an empty one, after which it is not asked again.
  using Next = std::function<absl::StatusOr<std::string>()>;

  explicit ChunkSource(Next next) : next_(std::move(next)) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    if (used_ == chunk_.size() && !ended_) {
      BANGER_ASSIGN_OR_RETURN(chunk_, next_());
      used_ = 0;
      ended_ = chunk_.empty();
    }
    const std::size_t count = std::min(buffer.size(), chunk_.size() - used_);
    std::copy_n(chunk_.data() + used_, count, buffer.data());
    used_ += count;
    return count;
  }

 private:
  const Next next_;
  std::string chunk_;
  std::size_t used_ = 0;
  bool ended_ = false;
};

}  // namespace banger
