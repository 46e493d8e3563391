#include "services/imaged/import_stream.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace v1 = ::banger::image::v1;

absl::StatusOr<std::size_t> ImportStream::Read(std::span<char> buffer) {
  while (used_ == chunk_.size() && !ended_) BANGER_RETURN_IF_ERROR(NextChunk());
  const std::size_t size = std::min(buffer.size(), chunk_.size() - used_);
  std::copy_n(chunk_.data() + used_, size, buffer.data());
  used_ += size;
  return size;
}

absl::Status ImportStream::NextChunk() {
  std::optional<v1::ImportImageRequest> request = call_.Read();
  if (!request) return CutOff();
  if (!request->has_chunk()) return RequestInvalid("part", "must be a chunk after the spec");
  if (request->chunk().empty()) return End();
  chunk_ = std::move(*request->mutable_chunk());
  used_ = 0;
  received_bytes_ += static_cast<std::int64_t>(chunk_.size());
  v1::ImportImageResponse response;
  response.mutable_progress()->set_stage("import");
  response.mutable_progress()->set_done_bytes(received_bytes_);
  response.mutable_progress()->set_total_bytes(total_bytes_);
  progress_.Report(std::move(response));
  return absl::OkStatus();
}

// A cancelled call looks like this, too, before gRPC says that it is cancelled.
absl::Status ImportStream::CutOff() const {
  if (stop_.stop_requested()) return absl::CancelledError("the caller has left in the middle of the import");
  return ImageCorrupt(
      absl::StrCat("the stream was cut off after ", received_bytes_, " bytes: no empty chunk ended it"));
}

absl::Status ImportStream::End() {
  ended_ = true;
  if (total_bytes_ > 0 && received_bytes_ != total_bytes_)
    return ImageCorrupt(
        absl::StrCat("the stream ended after ", received_bytes_, " of ", total_bytes_, " bytes"));
  return absl::OkStatus();
}

}  // namespace banger::imaged
