#include "services/gateway/core/http2_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger::gateway {
namespace {

using ::testing::Eq;
using ::testing::Optional;
using namespace std::chrono_literals;

std::string Frame(std::uint8_t type, std::uint8_t flags = 0, std::uint32_t length = 0) {
  std::string frame = {static_cast<char>(length >> 16),
                       static_cast<char>(length >> 8),
                       static_cast<char>(length),
                       static_cast<char>(type),
                       static_cast<char>(flags),
                       0,
                       0,
                       0,
                       1};
  return frame + std::string(length, 'x');
}

class Http2GuardTest : public ::testing::Test {
 protected:
  Http2GuardTest() { EXPECT_THAT(guard_.FromClient(std::string(24, 'P'), now_), Eq(std::nullopt)); }

  // The first answer that is not empty, of `count` frames at once.
  std::optional<std::string> Send(const std::string& frame, int count) {
    for (int i = 0; i < count; ++i)
      if (auto fault = guard_.FromClient(frame, now_)) return fault;
    return std::nullopt;
  }

  // The server's settings, and that the client knows them.
  void ExchangeSettings() {
    EXPECT_THAT(guard_.FromServer(Frame(4, 0, 6), now_), Eq(std::nullopt));
    EXPECT_THAT(Send(Frame(4, 0x1), 1), Eq(std::nullopt));
  }

  Http2Guard guard_;
  Http2Guard::Time now_ = std::chrono::steady_clock::now();
};

TEST_F(Http2GuardTest, CallsAndTheirDataPassWithoutEnd) {
  ExchangeSettings();
  for (int i = 0; i < 100000; ++i) {
    ASSERT_THAT(Send(Frame(1, 0x4, 60), 1), Eq(std::nullopt));
    ASSERT_THAT(Send(Frame(0, 0x1, 100), 1), Eq(std::nullopt));
  }
}

// gRPC 1.51 holds a client to SETTINGS_MAX_CONCURRENT_STREAMS only once it has
// acknowledged that.
TEST_F(Http2GuardTest, WhoDoesNotAcknowledgeTheLimitOfCallsHasOneToo) {
  EXPECT_THAT(guard_.FromServer(Frame(4, 0, 6), now_), Eq(std::nullopt));
  EXPECT_THAT(Send(Frame(1, 0x4, 60), 100), Eq(std::nullopt));
  EXPECT_THAT(Send(Frame(1, 0x4, 60), 1),
              Optional<std::string>("too many calls before it acknowledged SETTINGS"));
}

TEST_F(Http2GuardTest, WhatIsAcknowledgedBeforeItCameCountsForNothing) {
  EXPECT_THAT(Send(Frame(4, 0x1), 1), Eq(std::nullopt));
  EXPECT_THAT(guard_.FromServer(Frame(4, 0x1), now_), Eq(std::nullopt));  // of the client's own
  EXPECT_THAT(Send(Frame(4, 0x1), 1), Eq(std::nullopt));
  EXPECT_THAT(Send(Frame(1, 0x4, 60), 101),
              Optional<std::string>("too many calls before it acknowledged SETTINGS"));
}

TEST_F(Http2GuardTest, FloodsAreSeen) {
  const auto flood = [this](const std::string& frame, int count) {
    guard_ = Http2Guard();
    guard_.FromClient(std::string(24, 'P'), now_);
    EXPECT_THAT(Send(frame, count), Eq(std::nullopt));
    return Send(frame, 1);
  };
  EXPECT_THAT(flood(Frame(3, 0, 4), 400), Optional<std::string>("too many streams were reset"));
  EXPECT_THAT(flood(Frame(6, 0, 8), 100), Optional<std::string>("too many PING frames"));
  EXPECT_THAT(flood(Frame(4), 20), Optional<std::string>("too many SETTINGS frames"));
  EXPECT_THAT(flood(Frame(2, 0, 5), 200), Optional<std::string>("too many PRIORITY frames"));
  EXPECT_THAT(flood(Frame(0), 200), Optional<std::string>("too many empty DATA frames"));
  EXPECT_THAT(flood(Frame(8, 0, 4), 100000), Optional<std::string>("too many WINDOW_UPDATE frames"));
  EXPECT_THAT(flood(Frame(77), 20), Optional<std::string>("too many frames of other types"));
}

TEST_F(Http2GuardTest, TheSameFramesPassOverTime) {
  for (int second = 0; second < 1000; ++second, now_ += 1s) {
    ASSERT_THAT(Send(Frame(3, 0, 4), 100), Eq(std::nullopt));
    ASSERT_THAT(Send(Frame(6, 0, 8), 20), Eq(std::nullopt));
    ASSERT_THAT(Send(Frame(4), 2), Eq(std::nullopt));
    ASSERT_THAT(Send(Frame(8, 0, 4), 1000), Eq(std::nullopt));
  }
}

TEST_F(Http2GuardTest, ResetsThatTheServerIsMadeToSendCountToo) {
  std::optional<std::string> fault;
  for (int i = 0; i < 401 && !fault.has_value(); ++i) fault = guard_.FromServer(Frame(3, 0, 4), now_);
  EXPECT_THAT(fault, Optional<std::string>("too many streams were reset"));
}

TEST_F(Http2GuardTest, HeadersEndSomewhere) {
  EXPECT_THAT(Send(Frame(1, 0, 10), 1), Eq(std::nullopt));
  EXPECT_THAT(Send(Frame(9, 0, 0), 9), Optional<std::string>("too many CONTINUATION frames"));
}

TEST_F(Http2GuardTest, HeadersHaveASize) {
  EXPECT_THAT(Send(Frame(1, 0, 16384), 1), Eq(std::nullopt));
  EXPECT_THAT(Send(Frame(9, 0, 16384), 4), Optional<std::string>("headers of more than 64 KiB"));
}

TEST_F(Http2GuardTest, HeadersInSomeFramesAreFineAgainAndAgain) {
  for (int i = 0; i < 100; ++i) {
    ASSERT_THAT(Send(Frame(1, 0, 16384), 1), Eq(std::nullopt));
    ASSERT_THAT(Send(Frame(9, 0, 100), 7), Eq(std::nullopt));
    ASSERT_THAT(Send(Frame(9, 0x4, 100), 1), Eq(std::nullopt));
  }
}

TEST_F(Http2GuardTest, BytesComeInAnyPieces) {
  std::string flood;
  for (int i = 0; i < 101; ++i) flood += Frame(6, 0, 8);
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{16}, flood.size()}) {
    Http2Guard guard;
    EXPECT_THAT(guard.FromClient(std::string(24, 'P'), now_), Eq(std::nullopt));
    std::optional<std::string> fault;
    std::size_t at = 0;
    for (; at < flood.size() && !fault.has_value(); at += step)
      fault = guard.FromClient(absl::string_view(flood).substr(at, step), now_);
    EXPECT_THAT(fault, Optional<std::string>("too many PING frames")) << step;
    EXPECT_GE(at + step + 8, flood.size()) << step;
  }
}

}  // namespace
}  // namespace banger::gateway
