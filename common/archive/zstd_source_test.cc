#include "common/archive/zstd_source.h"

#include <gtest/gtest.h>

#include "common/archive/archive_reader.h"
#include "common/archive/compress_for_tests.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

absl::StatusOr<std::string> Unpack(const std::string& bytes) {
  MemorySource source(bytes);
  ZstdSource zstd(source);
  return ReadAll(zstd, 64 << 20);
}

TEST(ZstdSourceTest, UnpacksOneFrameOrMany) {
  const std::string text(3 << 20, 'x');
  const std::string frame = CompressForTests(text, "zstd");
  EXPECT_TRUE(*Unpack(frame) == text);
  EXPECT_TRUE(*Unpack(frame + frame) == text + text);
}

TEST(ZstdSourceTest, EveryByteThatIsMissingOrTooMuchIsNoticed) {
  const std::string frame = CompressForTests("a text that is not very long", "zstd");
  for (std::size_t size = 0; size < frame.size(); ++size)
    EXPECT_THAT(Unpack(frame.substr(0, size)), StatusIs(absl::StatusCode::kDataLoss)) << size;
  for (const char* garbage : {"x", "garbage", "\n"}) {
    EXPECT_THAT(Unpack(frame + garbage), StatusIs(absl::StatusCode::kDataLoss));
    EXPECT_THAT(Unpack(garbage + frame), StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(ZstdSourceTest, AWindowOfMoreThan128MiBIsRefused) {
  // A frame header that asks for a window of 1 GiB.
  EXPECT_THAT(Unpack(std::string("\x28\xb5\x2f\xfd\x00\xa0\x01\x00\x00", 9)),
              StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("memory")));
}

}  // namespace
}  // namespace banger
