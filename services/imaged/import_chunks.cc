#include "services/imaged/import_chunks.h"

#include <optional>

#include "absl/strings/str_cat.h"
#include "services/imaged/errors.h"

namespace banger::imaged {
namespace v1 = ::banger::image::v1;

absl::StatusOr<std::string> ImportChunks::operator()() {
  std::optional<v1::ImportImageRequest> request = call_.Read();
  if (!request) return CutOff();
  if (!request->has_chunk()) return RequestInvalid("part", "must be a chunk after the spec");
  std::string chunk = std::move(*request->mutable_chunk());
  if (chunk.empty() && total_bytes_ > 0 && received_bytes_ != total_bytes_)
    return ImageCorrupt(
        absl::StrCat("the stream ended after ", received_bytes_, " of ", total_bytes_, " bytes"));
  received_bytes_ += static_cast<std::int64_t>(chunk.size());
  if (!chunk.empty()) Report();
  return chunk;
}

void ImportChunks::Report() {
  v1::ImportImageResponse response;
  response.mutable_progress()->set_stage("import");
  response.mutable_progress()->set_done_bytes(received_bytes_);
  response.mutable_progress()->set_total_bytes(total_bytes_);
  progress_.Report(std::move(response));
}

// A cancelled call looks like this, too, before gRPC says that it is cancelled.
absl::Status ImportChunks::CutOff() const {
  if (stop_.stop_requested()) return absl::CancelledError("the caller has left in the middle of the import");
  return ImageCorrupt(
      absl::StrCat("the stream was cut off after ", received_bytes_, " bytes: no empty chunk ended it"));
}

}  // namespace banger::imaged
