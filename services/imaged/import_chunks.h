#pragma once

#include <cstdint>
#include <stop_token>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "banger/image/v1/image_service.pb.h"
#include "common/rpc/server_call.h"

namespace banger::imaged {

// What an ImportImage call sends, for a ChunkSource; reports its progress back. For one
// thread, which also reads the call's first message. CANCELLED when the caller has left,
// IMAGE_CORRUPT when it sent less or more than announced or did not say that it was all.
class ImportChunks {
 public:
  using Call = rpc::Stream<image::v1::ImportImageRequest, image::v1::ImportImageResponse>;

  // The call must outlive it. `total_bytes` is what the caller announced, 0 when it did
  // not.
  ImportChunks(Call& call, std::stop_token stop, std::int64_t total_bytes)
      : call_(call), stop_(std::move(stop)), progress_(call), total_bytes_(total_bytes) {}

  absl::StatusOr<std::string> operator()();

 private:
  void Report();
  absl::Status CutOff() const;

  Call& call_;
  std::stop_token stop_;
  rpc::ProgressThrottle<image::v1::ImportImageResponse> progress_;
  std::int64_t total_bytes_;
  std::int64_t received_bytes_ = 0;
};

}  // namespace banger::imaged
