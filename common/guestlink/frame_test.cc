#include "common/guestlink/frame.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <random>

namespace banger::guestlink {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// Puts all of `bytes` through the decoder, `step` at a time; "TYPE session payload" a frame.
std::vector<std::string> Decode(Decoder& decoder, absl::string_view bytes, std::size_t step) {
  std::vector<std::string> frames;
  while (!bytes.empty()) {
    std::size_t space = 0;
    char* at = decoder.Space(&space);
    const std::size_t n = std::min({space, step, bytes.size()});
    std::memcpy(at, bytes.data(), n);
    decoder.Added(n);
    bytes.remove_prefix(n);
    while (const auto frame = decoder.Peek()) {
      frames.push_back(std::to_string(static_cast<int>(frame->type)) + " " + std::to_string(frame->session) +
                       " " + std::string(frame->payload));
      decoder.Pop();
    }
  }
  return frames;
}

TEST(FrameTest, FramesComeBackHoweverTheyAreCut) {
  const std::string bytes = EncodeFrame(FrameType::kHello, 7) + EncodeFrame(FrameType::kData, 7, "hello") +
                            EncodeFrame(FrameType::kClose, kAnySession);
  for (std::size_t step = 1; step <= bytes.size(); ++step) {
    Decoder decoder;
    EXPECT_THAT(Decode(decoder, bytes, step), ElementsAre("1 7 ", "3 7 hello", "4 0 ")) << step;
    EXPECT_EQ(decoder.skipped(), 0U);
  }
}

TEST(FrameTest, ThePreambleEndsAFrameThatWasCutAnywhere) {
  const std::string old = EncodeFrame(FrameType::kData, 3, std::string(kMaxPayload, 'x'));
  for (std::size_t kept = 0; kept < old.size(); kept += 997) {
    Decoder decoder;
    const std::string bytes = old.substr(0, kept) + EncodeAfterPreamble(FrameType::kHello, 9);
    EXPECT_THAT(Decode(decoder, bytes, 4096), ElementsAre("1 9 ")) << kept;
  }
}

TEST(FrameTest, AFrameBehindALyingHeaderIsFound) {
  std::string lie(kHeaderSize, '\0');
  WriteHeader(lie.data(), FrameType::kData, 5, 100);
  Decoder decoder;
  const std::string bytes = lie + EncodeFrame(FrameType::kAck, 6) + std::string(200, 'B');
  EXPECT_THAT(Decode(decoder, bytes, bytes.size()), ElementsAre("2 6 "));
}

TEST(FrameTest, TooLongAndUnknownFramesAreGarbage) {
  std::string header(kHeaderSize, '\0');
  Decoder decoder;
  WriteHeader(header.data(), FrameType::kData, 1, kMaxPayload + 1);
  EXPECT_THAT(Decode(decoder, header, 100), IsEmpty());
  WriteHeader(header.data(), static_cast<FrameType>(9), 1, 0);
  EXPECT_THAT(Decode(decoder, header + EncodeFrame(FrameType::kClose, 1), 100), ElementsAre("4 1 "));
}

TEST(FrameTest, RandomBytesWithPiecesOfFramesNeverStopTheDecoder) {
  std::mt19937 random(1);  // the same every time
  Decoder decoder;
  std::string bytes;
  for (int i = 0; i < 2000; ++i) {
    const std::string frame = EncodeFrame(FrameType::kData, random(), std::string(random() % 300, 'B'));
    bytes += frame.substr(0, random() % frame.size());
    if (i % 3 == 0) bytes.push_back(static_cast<char>(random()));
  }
  Decode(decoder, bytes, 1 + random() % 5000);
  EXPECT_THAT(Decode(decoder, EncodeAfterPreamble(FrameType::kHello, 1), 4096), ElementsAre("1 1 "));
}

}  // namespace
}  // namespace banger::guestlink
