#include "common/guestlink/frame.h"

#include <algorithm>
#include <cstring>

namespace banger::guestlink {
namespace {

constexpr char kMagic[] = {'B', 'G', 'L', '1'};

void PutNumber(char* out, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) out[i] = static_cast<char>(value >> (8 * i) & 0xff);
}

std::uint64_t GetNumber(const char* in, std::size_t bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes; ++i)
    value |= static_cast<std::uint64_t>(static_cast<unsigned char>(in[i])) << (8 * i);
  return value;
}

bool KnownType(char type) { return type >= 1 && type <= 4; }

}  // namespace

void WriteHeader(char* out, FrameType type, std::uint64_t session, std::size_t payload_size) {
  std::memcpy(out, kMagic, sizeof kMagic);
  out[4] = static_cast<char>(type);
  PutNumber(out + 5, payload_size, 3);
  PutNumber(out + 8, session, 8);
}

void WriteTrailer(char* out, std::uint64_t session) { PutNumber(out, ~session, kTrailerSize); }

std::string EncodeFrame(FrameType type, std::uint64_t session, absl::string_view payload) {
  std::string frame(kHeaderSize + payload.size() + kTrailerSize, '\0');
  WriteHeader(frame.data(), type, session, payload.size());
  std::copy(payload.begin(), payload.end(), frame.begin() + kHeaderSize);
  WriteTrailer(frame.data() + kHeaderSize + payload.size(), session);
  return frame;
}

std::string EncodeAfterPreamble(FrameType type, std::uint64_t session) {
  return std::string(kMaxFrame, '\0') + EncodeFrame(type, session);
}

Decoder::Decoder() : buffer_(2 * kMaxFrame) {}

char* Decoder::Space(std::size_t* size) {
  if (begin_ == end_) begin_ = end_ = 0;
  if (buffer_.size() - end_ < kMaxFrame && begin_ > 0) {
    std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  *size = buffer_.size() - end_;
  return buffer_.data() + end_;
}

std::optional<Frame> Decoder::Peek() {
  while (SkipToMagic() && end_ - begin_ >= kHeaderSize) {
    const char* at = buffer_.data() + begin_;
    const auto length = static_cast<std::size_t>(GetNumber(at + 5, 3));
    const std::uint64_t session = GetNumber(at + 8, 8);
    const bool plausible = KnownType(at[4]) && length <= kMaxPayload;
    if (plausible && end_ - begin_ < kHeaderSize + length + kTrailerSize) return std::nullopt;
    if (plausible && GetNumber(at + kHeaderSize + length, kTrailerSize) == ~session)
      return Frame{static_cast<FrameType>(at[4]), session, {at + kHeaderSize, length}};
    // No frame. What follows the magic may hold one all the same.
    Skip(1);
  }
  return std::nullopt;
}

void Decoder::Pop() {
  if (const std::optional<Frame> frame = Peek()) begin_ += kHeaderSize + frame->payload.size() + kTrailerSize;
}

// To the next place where a magic begins or may begin; true when it is whole.
bool Decoder::SkipToMagic() {
  const auto first = buffer_.begin() + static_cast<std::ptrdiff_t>(begin_);
  const auto last = buffer_.begin() + static_cast<std::ptrdiff_t>(end_);
  for (auto at = first; at != last; ++at) {
    at = std::find(at, last, kMagic[0]);
    const auto rest = std::min<std::ptrdiff_t>(last - at, sizeof kMagic);
    if (rest > 0 && std::equal(at, at + rest, kMagic)) {
      Skip(static_cast<std::size_t>(at - first));
      return rest == sizeof kMagic;
    }
    if (at == last) break;
  }
  Skip(end_ - begin_);
  return false;
}

void Decoder::Skip(std::size_t size) {
  begin_ += size;
  skipped_ += size;
}

}  // namespace banger::guestlink
