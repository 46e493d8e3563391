#pragma once

#include <cstdint>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "banger/kernel/v1/kernel_service.pb.h"
#include "common/rpc/server_call.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {

// What an ImportKernel call sends, for a ChunkSource. KERNEL_CORRUPT when the bytes end
// before the announced size or without the empty chunk that says that they were all,
// CANCELLED when the caller left.
class ImportChunks {
 public:
  using Stream = rpc::Stream<kernel::v1::ImportKernelRequest, kernel::v1::ImportKernelResponse>;

  // The stream must outlive it; 0 total_bytes: not known.
  ImportChunks(Stream& stream, std::int64_t total_bytes, std::stop_token stop)
      : stream_(stream), total_bytes_(total_bytes), stop_(std::move(stop)) {}

  absl::StatusOr<std::string> operator()() {
    std::optional<kernel::v1::ImportKernelRequest> next = stream_.Read();
    if (!next.has_value()) return CutOff();
    if (next->has_spec()) return RequestInvalid("spec", "came twice");
    std::string chunk = std::move(*next->mutable_chunk());
    if (chunk.empty() && done_bytes_ < total_bytes_)
      return KernelCorrupt(absl::StrCat("the bytes end after ", done_bytes_, " of ", total_bytes_));
    done_bytes_ += static_cast<std::int64_t>(chunk.size());
    return chunk;
  }

 private:
  // A cancelled call looks like this, too, before gRPC says that it is cancelled.
  absl::Status CutOff() const {
    if (stop_.stop_requested()) return absl::CancelledError("the caller has left");
    return KernelCorrupt(
        absl::StrCat("the stream was cut off after ", done_bytes_, " bytes: no empty chunk ended it"));
  }

  Stream& stream_;
  std::int64_t total_bytes_;
  std::stop_token stop_;
  std::int64_t done_bytes_ = 0;
};

}  // namespace banger::kerneld
