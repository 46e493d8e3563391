#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <utility>

#include "common/archive/byte_source.h"
#include "common/os/unique_fd.h"
#include "services/imaged/adapters/cache/blob_download.h"

namespace banger::imaged {

// Reads a blob behind its download. Its end comes only once all was verified.
class BlobReader final : public ByteSource {
 public:
  // A stop ends a Read with CANCELLED.
  BlobReader(std::shared_ptr<BlobDownload> download, std::stop_token stop)
      : download_(std::move(download)), stop_(std::move(stop)) {}

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override;

 private:
  const std::shared_ptr<BlobDownload> download_;
  const std::stop_token stop_;
  UniqueFd file_;  // opened by the first Read
  std::int64_t position_ = 0;
  std::int64_t available_ = 0;
};

}  // namespace banger::imaged
