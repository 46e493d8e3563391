#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "banger/kernel/v1/kernel_service.pb.h"
#include "common/archive/byte_source.h"
#include "common/rpc/server_call.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {

// The bytes of an ImportKernel call. KERNEL_CORRUPT when they end before the
// announced size or without the empty chunk that says that they were all,
// CANCELLED when the caller left.
class ChunkSource final : public ByteSource {
 public:
  using Stream = rpc::Stream<kernel::v1::ImportKernelRequest, kernel::v1::ImportKernelResponse>;

  // The stream must outlive it; 0 total_bytes: not known.
  ChunkSource(Stream& stream, std::int64_t total_bytes, std::stop_token stop)
      : stream_(stream), total_bytes_(total_bytes), stop_(std::move(stop)) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    while (used_ == chunk_.size()) {
      if (ended_) return 0;
      std::optional<kernel::v1::ImportKernelRequest> next = stream_.Read();
      if (!next.has_value()) return CutOff();
      if (next->has_spec()) return RequestInvalid("spec", "came twice");
      if (next->chunk().empty()) return End();
      chunk_ = std::move(*next->mutable_chunk());
      used_ = 0;
    }
    const std::size_t count = std::min(buffer.size(), chunk_.size() - used_);
    std::copy_n(chunk_.data() + used_, count, buffer.data());
    used_ += count;
    done_bytes_ += static_cast<std::int64_t>(count);
    return count;
  }

 private:
  // A cancelled call looks like this, too, before gRPC says that it is cancelled.
  absl::Status CutOff() const {
    if (stop_.stop_requested()) return absl::CancelledError("the caller has left");
    return KernelCorrupt(
        absl::StrCat("the stream was cut off after ", done_bytes_, " bytes: no empty chunk ended it"));
  }

  absl::StatusOr<std::size_t> End() {
    ended_ = true;
    if (done_bytes_ < total_bytes_)
      return KernelCorrupt(absl::StrCat("the bytes end after ", done_bytes_, " of ", total_bytes_));
    return 0;
  }

  Stream& stream_;
  const std::int64_t total_bytes_;
  const std::stop_token stop_;
  std::string chunk_;
  std::size_t used_ = 0;
  std::int64_t done_bytes_ = 0;
  bool ended_ = false;
};

}  // namespace banger::kerneld
