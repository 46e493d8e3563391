// Watches the frames of one HTTP/2 connection go by, in both directions, and says
// when they are those of an attack that gRPC 1.51 does not bound itself: rapid reset
// (CVE-2023-44487) and its kin where the server is made to reset (CVE-2025-8671),
// CONTINUATION floods (CVE-2024-27316), floods of PING, SETTINGS, PRIORITY,
// WINDOW_UPDATE, empty DATA and unknown frames (CVE-2019-9511 and others), and calls
// without end of a client that never acknowledges how many it may have. It looks at
// frame headers only, so each frame costs a few comparisons; all else that is wrong
// with them is left to gRPC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "services/gateway/core/token_bucket.h"

namespace banger::gateway {

// At once, of one connection. gRPC 1.51 sees to it once the client has acknowledged
// the server's SETTINGS, and the guard until then.
constexpr int kMaxCalls = 100;

// RFC 9113, 4.1.
struct FrameHeader {
  std::uint32_t length = 0;
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
};

// Finds the frame headers in a stream of bytes, in pieces of any size.
class FrameReader {
 public:
  // `skip`: bytes before the first frame, as the client's preface.
  explicit FrameReader(std::uint32_t skip) : skip_(skip) {}

  // Takes bytes away up to the end of the next header; empty when there is none.
  std::optional<FrameHeader> Next(absl::string_view& bytes);

 private:
  static constexpr std::size_t kHeaderBytes = 9;

  std::uint32_t skip_;
  std::size_t have_ = 0;
  std::uint8_t header_[kHeaderBytes] = {};
};

// Not thread-safe. One for each connection.
class Http2Guard {
 public:
  using Time = TokenBucket::Time;

  // What came from the client, and what is about to go to it. Empty, or why the
  // connection has to end.
  std::optional<std::string> FromClient(absl::string_view bytes, Time now);
  std::optional<std::string> FromServer(absl::string_view bytes, Time now);

 private:
  const char* Judge(const FrameHeader& frame, Time now);
  const char* JudgeHeaderBlock(const FrameHeader& frame);
  const char* JudgeSettings(const FrameHeader& frame, Time now);

  FrameReader client_{24};
  FrameReader server_{0};
  std::uint32_t block_bytes_ = 0;
  int continuations_ = 0;
  bool settings_sent_ = false;
  bool settings_acknowledged_ = false;
  int early_calls_ = 0;

  // What grpc's clients and others need stays far below; see http2_guard_test.cc and
  // docs/remote.md.
  TokenBucket resets_{400, 100};
  TokenBucket pings_{100, 20};
  TokenBucket settings_{20, 2};
  TokenBucket priorities_{200, 20};
  TokenBucket empty_data_{200, 100};
  TokenBucket window_updates_{100000, 100000};
  TokenBucket others_{20, 2};
};

}  // namespace banger::gateway
