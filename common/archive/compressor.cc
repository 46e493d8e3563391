#include "common/archive/compressor.h"

#include <isa-l/igzip_lib.h>
#include <zstd.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

constexpr std::size_t kOutput = 256 << 10;
constexpr std::size_t kMaxInput = 64 << 20;  // of one call; ISA-L counts in 32 bits

}  // namespace

GzipCompressor::GzipCompressor(Sink sink)
    : sink_(std::move(sink)),
      level_buffer_(ISAL_DEF_LVL1_DEFAULT),
      output_(kOutput),
      stream_(std::make_unique<isal_zstream>()) {
  isal_deflate_init(stream_.get());
  stream_->level = 1;
  stream_->level_buf = level_buffer_.data();
  stream_->level_buf_size = static_cast<std::uint32_t>(level_buffer_.size());
  stream_->gzip_flag = IGZIP_GZIP;
}
GzipCompressor::~GzipCompressor() = default;

absl::Status GzipCompressor::Write(absl::string_view bytes) {
  while (!bytes.empty()) {
    BANGER_RETURN_IF_ERROR(Run(bytes.substr(0, kMaxInput), false));
    bytes.remove_prefix(std::min(bytes.size(), kMaxInput));
  }
  return absl::OkStatus();
}

absl::Status GzipCompressor::Finish() { return Run("", true); }

absl::Status GzipCompressor::Run(absl::string_view bytes, bool end) {
  // ISA-L reads only.
  stream_->next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(bytes.data()));
  stream_->avail_in = static_cast<std::uint32_t>(bytes.size());
  stream_->end_of_stream = end ? 1 : 0;
  do {
    stream_->next_out = reinterpret_cast<std::uint8_t*>(output_.data());
    stream_->avail_out = static_cast<std::uint32_t>(output_.size());
    const int result = isal_deflate(stream_.get());
    if (result != COMP_OK) return absl::InternalError(absl::StrCat("gzip: error ", result));
    const std::size_t size = output_.size() - stream_->avail_out;
    if (size > 0) BANGER_RETURN_IF_ERROR(sink_(absl::string_view(output_.data(), size)));
  } while (stream_->avail_out == 0);
  return absl::OkStatus();
}

void ZstdCompressor::Free::operator()(ZSTD_CCtx_s* context) const { ZSTD_freeCCtx(context); }

ZstdCompressor::ZstdCompressor(Sink sink, int level)
    : sink_(std::move(sink)), output_(kOutput), context_(ZSTD_createCCtx()) {
  if (context_ == nullptr) return;
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(context_.get(), ZSTD_c_checksumFlag, 1);
}
ZstdCompressor::~ZstdCompressor() = default;

absl::Status ZstdCompressor::Write(absl::string_view bytes) { return Run(bytes, false); }

absl::Status ZstdCompressor::Finish() { return Run("", true); }

absl::Status ZstdCompressor::Run(absl::string_view bytes, bool end) {
  if (context_ == nullptr) return absl::ResourceExhaustedError("no memory for zstd");
  ZSTD_inBuffer in{bytes.data(), bytes.size(), 0};
  for (;;) {
    ZSTD_outBuffer out{output_.data(), output_.size(), 0};
    const std::size_t left =
        ZSTD_compressStream2(context_.get(), &out, &in, end ? ZSTD_e_end : ZSTD_e_continue);
    if (ZSTD_isError(left) != 0) return absl::InternalError(absl::StrCat("zstd: ", ZSTD_getErrorName(left)));
    if (out.pos > 0) BANGER_RETURN_IF_ERROR(sink_(absl::string_view(output_.data(), out.pos)));
    if (end ? left == 0 : in.pos == in.size) return absl::OkStatus();
  }
}

}  // namespace banger
