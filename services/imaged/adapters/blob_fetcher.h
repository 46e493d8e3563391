#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::imaged {

// What a manifest says of a blob.
struct Descriptor {
  std::string media_type;
  std::string digest;  // "sha256:..." or "sha512:..."
  std::int64_t size = 0;
};

// Where blobs come from. Thread-safe: several are fetched at once.
class BlobFetcher {
 public:
  using Sink = std::function<absl::Status(absl::string_view bytes)>;

  virtual ~BlobFetcher() = default;

  // Hands the blob's bytes from `offset` on to the sink, in order and each once;
  // takes broken transfers up by itself. What comes is not checked. The sink's
  // error ends the fetch and is given back; CANCELLED soon after a stop.
  virtual absl::Status Fetch(const Descriptor& blob, std::int64_t offset, const Sink& sink,
                             const std::stop_token& stop) = 0;
};

}  // namespace banger::imaged
