#include "common/archive/zstd_source.h"

#include <zstd.h>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

constexpr std::size_t kInputSize = 256 << 10;
constexpr int kMaxWindowLog = 27;

}  // namespace

void ZstdSource::Free::operator()(ZSTD_DCtx_s* context) const { ZSTD_freeDCtx(context); }

ZstdSource::ZstdSource(ByteSource& source)
    : source_(source), context_(ZSTD_createDCtx()), input_(kInputSize) {
  if (context_ != nullptr) ZSTD_DCtx_setParameter(context_.get(), ZSTD_d_windowLogMax, kMaxWindowLog);
}

ZstdSource::~ZstdSource() = default;

absl::StatusOr<std::size_t> ZstdSource::Read(std::span<char> buffer) {
  if (context_ == nullptr) return absl::ResourceExhaustedError("no memory for zstd");
  ZSTD_outBuffer out{buffer.data(), buffer.size(), 0};
  while (out.pos == 0 && out.size > 0) {
    if (begin_ == end_) {
      BANGER_ASSIGN_OR_RETURN(end_, source_.Read(input_));
      begin_ = 0;
      if (end_ == 0 && in_frame_) return absl::DataLossError("the zstd stream ends too soon");
      if (end_ == 0) return 0;
    }
    ZSTD_inBuffer in{input_.data(), end_, begin_};
    const std::size_t result = ZSTD_decompressStream(context_.get(), &out, &in);
    if (ZSTD_isError(result) != 0)
      return absl::DataLossError(absl::StrCat("no valid zstd stream: ", ZSTD_getErrorName(result)));
    begin_ = in.pos;
    in_frame_ = result != 0;
  }
  return out.pos;
}

}  // namespace banger
