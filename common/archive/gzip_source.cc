#include "common/archive/gzip_source.h"

#include <isa-l/igzip_lib.h>

#include <algorithm>
#include <limits>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger {
namespace {

constexpr std::size_t kInputSize = 256 << 10;

absl::string_view Meaning(int error) {
  switch (error) {
    case ISAL_INVALID_WRAPPER:
      return "no gzip header where one has to be";
    case ISAL_UNSUPPORTED_METHOD:
      return "unknown method";
    case ISAL_INCORRECT_CHECKSUM:
      return "wrong checksum";
    default:
      return "damaged data";
  }
}

}  // namespace

GzipSource::GzipSource(ByteSource& source)
    : source_(source), state_(std::make_unique<inflate_state>()), input_(kInputSize) {
  isal_inflate_init(state_.get());
  state_->crc_flag = ISAL_GZIP;
}

GzipSource::~GzipSource() = default;

absl::StatusOr<std::size_t> GzipSource::Read(std::span<char> buffer) {
  constexpr std::size_t kMaxPiece = std::numeric_limits<int>::max();
  const auto wanted = static_cast<std::uint32_t>(std::min(buffer.size(), kMaxPiece));
  state_->next_out = reinterpret_cast<std::uint8_t*>(buffer.data());
  state_->avail_out = wanted;
  while (state_->avail_out == wanted && wanted > 0) {
    // What is decoded but not yet handed out needs no input.
    const bool between = state_->block_state == ISAL_BLOCK_FINISH;
    if (state_->avail_in == 0 && (between || state_->tmp_out_processed == state_->tmp_out_valid)) {
      BANGER_ASSIGN_OR_RETURN(const bool more, Refill());
      if (!more && between) return 0;
      if (!more) return absl::DataLossError("the gzip stream ends too soon");
    }
    if (between) {  // one member ends, another one begins
      isal_inflate_reset(state_.get());
      state_->crc_flag = ISAL_GZIP;
    }
    const int result = isal_inflate(state_.get());
    if (result != ISAL_DECOMP_OK)
      return absl::DataLossError(absl::StrCat("no valid gzip stream: ", Meaning(result)));
  }
  return wanted - state_->avail_out;
}

absl::StatusOr<bool> GzipSource::Refill() {
  BANGER_ASSIGN_OR_RETURN(const std::size_t count, source_.Read(input_));
  state_->next_in = reinterpret_cast<std::uint8_t*>(input_.data());
  state_->avail_in = static_cast<std::uint32_t>(count);
  return count > 0;
}

}  // namespace banger
