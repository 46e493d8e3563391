#include "services/gateway/core/http2_guard.h"

#include <algorithm>

namespace banger::gateway {
namespace {

enum FrameType : std::uint8_t {
  kData = 0,
  kHeaders = 1,
  kPriority = 2,
  kRstStream = 3,
  kSettings = 4,
  kPing = 6,
  kWindowUpdate = 8,
  kContinuation = 9,
};

constexpr std::uint8_t kEndStream = 0x1;
constexpr std::uint8_t kAcknowledged = 0x1;
constexpr std::uint8_t kEndHeaders = 0x4;

constexpr std::uint32_t kMaxHeaderBlock = 64 << 10;
constexpr int kMaxContinuations = 8;

}  // namespace

std::optional<FrameHeader> FrameReader::Next(absl::string_view& bytes) {
  const std::size_t skipped = std::min<std::size_t>(skip_, bytes.size());
  bytes.remove_prefix(skipped);
  skip_ -= static_cast<std::uint32_t>(skipped);
  if (skip_ > 0) return std::nullopt;
  const std::size_t taken = std::min(kHeaderBytes - have_, bytes.size());
  std::copy_n(bytes.begin(), taken, header_ + have_);
  bytes.remove_prefix(taken);
  have_ += taken;
  if (have_ < kHeaderBytes) return std::nullopt;
  have_ = 0;
  skip_ =
      static_cast<std::uint32_t>(header_[0]) << 16 | static_cast<std::uint32_t>(header_[1]) << 8 | header_[2];
  return FrameHeader{.length = skip_, .type = header_[3], .flags = header_[4]};
}

const char* Http2Guard::JudgeHeaderBlock(const FrameHeader& frame) {
  if (frame.type == kHeaders) {
    block_bytes_ = 0;
    continuations_ = 0;
    if (!settings_acknowledged_ && ++early_calls_ > kMaxCalls)
      return "too many calls before it acknowledged SETTINGS";
  } else if (++continuations_ > kMaxContinuations) {
    return "too many CONTINUATION frames";
  }
  block_bytes_ += frame.length;
  if (block_bytes_ > kMaxHeaderBlock) return "headers of more than 64 KiB";
  if ((frame.flags & kEndHeaders) != 0) block_bytes_ = 0;
  return nullptr;
}

const char* Http2Guard::JudgeSettings(const FrameHeader& frame, Time now) {
  if ((frame.flags & kAcknowledged) != 0 && settings_sent_) settings_acknowledged_ = true;
  return settings_.Take(now) ? nullptr : "too many SETTINGS frames";
}

const char* Http2Guard::Judge(const FrameHeader& frame, Time now) {
  switch (frame.type) {
    case kHeaders:
    case kContinuation:
      return JudgeHeaderBlock(frame);
    case kData:
      return frame.length > 0 || (frame.flags & kEndStream) != 0 || empty_data_.Take(now)
                 ? nullptr
                 : "too many empty DATA frames";
    case kRstStream:
      return resets_.Take(now) ? nullptr : "too many streams were reset";
    case kPing:
      return pings_.Take(now) ? nullptr : "too many PING frames";
    case kSettings:
      return JudgeSettings(frame, now);
    case kPriority:
      return priorities_.Take(now) ? nullptr : "too many PRIORITY frames";
    case kWindowUpdate:
      return window_updates_.Take(now) ? nullptr : "too many WINDOW_UPDATE frames";
    default:
      return others_.Take(now) ? nullptr : "too many frames of other types";
  }
}

std::optional<std::string> Http2Guard::FromClient(absl::string_view bytes, Time now) {
  while (const std::optional<FrameHeader> frame = client_.Next(bytes))
    if (const char* fault = Judge(*frame, now); fault != nullptr) return fault;
  return std::nullopt;
}

std::optional<std::string> Http2Guard::FromServer(absl::string_view bytes, Time now) {
  while (const std::optional<FrameHeader> frame = server_.Next(bytes)) {
    if (frame->type == kSettings && (frame->flags & kAcknowledged) == 0) settings_sent_ = true;
    if (frame->type == kRstStream && !resets_.Take(now)) return "too many streams were reset";
  }
  return std::nullopt;
}

}  // namespace banger::gateway
