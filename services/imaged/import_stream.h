#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "banger/image/v1/image_service.pb.h"
#include "common/archive/byte_source.h"
#include "common/rpc/server_call.h"

namespace banger::imaged {

// The chunks of an ImportImage call as one stream, which reports its progress
// back. For one thread, which also reads the call's first message.
class ImportStream final : public ByteSource {
 public:
  using Call = rpc::Stream<image::v1::ImportImageRequest, image::v1::ImportImageResponse>;

  // `total_bytes` is what the caller announced, 0 when it did not.
  ImportStream(Call& call, std::stop_token stop, std::int64_t total_bytes)
      : call_(call), stop_(std::move(stop)), progress_(call), total_bytes_(total_bytes) {}

  // CANCELLED when the caller has left, IMAGE_CORRUPT when it sent less or more
  // than announced or did not say that it was all.
  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override;

 private:
  absl::Status NextChunk();
  absl::Status End();
  absl::Status CutOff() const;

  Call& call_;
  const std::stop_token stop_;
  rpc::ProgressThrottle<image::v1::ImportImageResponse> progress_;
  const std::int64_t total_bytes_;
  std::int64_t received_bytes_ = 0;
  std::string chunk_;
  std::size_t used_ = 0;  // of the chunk
  bool ended_ = false;
};

}  // namespace banger::imaged
