#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"
#include "common/archive/read_ahead.h"
#include "common/oci/digest.h"

namespace banger::imaged {

// The tar of a layer out of its blob, which is gzip, zstd or plain, whatever its
// media type says. Unpacked on a thread of its own, some MiB ahead, and checked where
// it is read: both are work for one core. Fails with DIGEST_MISMATCH, instead of
// ending, when the tar is not what the image's config says; RESOURCE_EXHAUSTED when it
// has more than `max_bytes`. Its reader is one thread.
class LayerSource final : public ByteSource {
 public:
  // `open_blob` is called on the other thread; it and a Read of the blob have to return
  // soon after its token, or `stop`, was stopped, which gives CANCELLED. IMAGE_CORRUPT
  // for an impossible diff_id. The blob's errors come when it is read.
  static absl::StatusOr<std::unique_ptr<ByteSource>> Open(ReadAhead::MakeSource open_blob,
                                                          const std::string& diff_id, std::int64_t max_bytes,
                                                          const std::stop_token& stop);

  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override;

 private:
  LayerSource(ReadAhead::MakeSource open_unpacked, std::string diff_id, std::int64_t max_bytes,
              oci::Digester digester, const std::stop_token& stop);
  absl::Status Verify();

  const std::string diff_id_;
  const std::int64_t max_bytes_;
  oci::Digester digester_;
  std::int64_t size_ = 0;
  bool verified_ = false;
  ReadAhead unpacked_;
};

}  // namespace banger::imaged
