// Numbers of the DNS wire format, and reading and writing it in a buffer.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "absl/strings/string_view.h"

namespace banger::netd::dns {

inline constexpr std::size_t kHeaderSize = 12;
inline constexpr std::size_t kMaxNameSize = 255;
inline constexpr std::size_t kMaxLabelSize = 63;
inline constexpr std::size_t kMaxMessageSize = 65535;
// What we take and send over UDP at most (the DNS flag day's: never fragmented).
inline constexpr std::uint16_t kUdpSize = 1232;
inline constexpr std::uint16_t kPlainUdpSize = 512;  // without EDNS

enum Type : std::uint16_t {
  kTypeA = 1,
  kTypeNs = 2,
  kTypeSoa = 6,
  kTypePtr = 12,
  kTypeHinfo = 13,
  kTypeAaaa = 28,
  kTypeOpt = 41,
  // From here to ANY: transfers and other things that are no records.
  kTypeFirstMeta = 128,
  kTypeAny = 255,
};

inline constexpr std::uint16_t kClassIn = 1;

enum Rcode : std::uint16_t {
  kNoError = 0,
  kFormatError = 1,
  kServerFailure = 2,
  kNameError = 3,
  kNotImplemented = 4,
  kRefused = 5,
  kBadVersion = 16,  // its high bits travel in OPT
};

// Of the header.
inline constexpr std::uint16_t kFlagResponse = 0x8000;
inline constexpr std::uint16_t kOpcodeMask = 0x7800;
inline constexpr std::uint16_t kFlagAuthoritative = 0x0400;
inline constexpr std::uint16_t kFlagTruncated = 0x0200;
inline constexpr std::uint16_t kFlagRecursionDesired = 0x0100;
inline constexpr std::uint16_t kFlagRecursionAvailable = 0x0080;
inline constexpr std::uint16_t kFlagAuthenticData = 0x0020;
inline constexpr std::uint16_t kFlagCheckingDisabled = 0x0010;
inline constexpr std::uint16_t kRcodeMask = 0x000f;
inline constexpr std::uint16_t kEdnsFlagDnssecOk = 0x8000;

inline std::uint16_t Read16(const char* at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(at[0]) << 8 |
                                    static_cast<unsigned char>(at[1]));
}

inline std::uint32_t Read32(const char* at) {
  return static_cast<std::uint32_t>(Read16(at)) << 16 | Read16(at + 2);
}

inline void Write16(char* at, std::uint16_t value) {
  at[0] = static_cast<char>(value >> 8);
  at[1] = static_cast<char>(value);
}

inline void Write32(char* at, std::uint32_t value) {
  Write16(at, static_cast<std::uint16_t>(value >> 16));
  Write16(at + 2, static_cast<std::uint16_t>(value));
}

// Appends to a buffer that the caller knows to be large enough.
class Writer {
 public:
  explicit Writer(char* buffer) : begin_(buffer), end_(buffer) {}

  void Put8(std::uint8_t value) { *end_++ = static_cast<char>(value); }
  void Put16(std::uint16_t value) {
    Write16(end_, value);
    end_ += 2;
  }
  void Put32(std::uint32_t value) {
    Write32(end_, value);
    end_ += 4;
  }
  void PutBytes(absl::string_view bytes) { end_ = std::copy(bytes.begin(), bytes.end(), end_); }

  char* begin() const { return begin_; }
  std::size_t size() const { return static_cast<std::size_t>(end_ - begin_); }

 private:
  char* const begin_;
  char* end_;
};

}  // namespace banger::netd::dns
