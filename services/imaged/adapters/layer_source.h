#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"
#include "common/oci/digest.h"

namespace banger::imaged {

// The tar of a layer out of its blob, which is gzip, zstd or plain, whatever its
// media type says. Fails with DIGEST_MISMATCH, instead of ending, when the tar is
// not what the image's config says; RESOURCE_EXHAUSTED when it has more than
// `max_bytes`. Not thread-safe.
class LayerSource final : public ByteSource {
 public:
  // IMAGE_CORRUPT for an impossible diff_id, else the blob's errors.
  static absl::StatusOr<std::unique_ptr<LayerSource>> Open(std::unique_ptr<ByteSource> blob,
                                                           const std::string& diff_id,
                                                           std::int64_t max_bytes);

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override;

 private:
  LayerSource(std::unique_ptr<ByteSource> blob, std::string diff_id, std::int64_t max_bytes,
              oci::Digester digester);
  absl::Status Verify();

  const std::unique_ptr<ByteSource> blob_;
  const std::string diff_id_;
  const std::int64_t max_bytes_;
  oci::Digester digester_;
  std::unique_ptr<ByteSource> unpacked_;
  std::int64_t size_ = 0;
  bool verified_ = false;
};

}  // namespace banger::imaged
