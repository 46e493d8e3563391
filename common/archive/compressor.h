// Streams that are compressed while they are written. The same bytes give the
// same bytes. Errors are the sink's.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

struct ZSTD_CCtx_s;
struct isal_zstream;

namespace banger {

class Compressor {
 public:
  using Sink = std::function<absl::Status(absl::string_view)>;
  virtual ~Compressor() = default;
  virtual absl::Status Write(absl::string_view bytes) = 0;
  // Nothing may follow.
  virtual absl::Status Finish() = 0;
};

// gzip by ISA-L, fast rather than small. Not thread-safe.
class GzipCompressor final : public Compressor {
 public:
  explicit GzipCompressor(Sink sink);
  ~GzipCompressor() override;
  absl::Status Write(absl::string_view bytes) override;
  absl::Status Finish() override;

 private:
  absl::Status Run(absl::string_view bytes, bool end);

  const Sink sink_;
  std::vector<unsigned char> level_buffer_;
  std::vector<char> output_;
  const std::unique_ptr<isal_zstream> stream_;
};

// zstd with a checksum. Not thread-safe.
class ZstdCompressor final : public Compressor {
 public:
  ZstdCompressor(Sink sink, int level);
  ~ZstdCompressor() override;
  absl::Status Write(absl::string_view bytes) override;
  absl::Status Finish() override;

 private:
  struct Free {
    void operator()(ZSTD_CCtx_s* context) const;
  };
  absl::Status Run(absl::string_view bytes, bool end);

  const Sink sink_;
  std::vector<char> output_;
  const std::unique_ptr<ZSTD_CCtx_s, Free> context_;
};

}  // namespace banger
