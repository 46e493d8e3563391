#include "common/archive/gzip_source.h"

#include <gtest/gtest.h>

#include <random>

#include "common/archive/archive_reader.h"
#include "common/archive/compress_for_tests.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

absl::StatusOr<std::string> Unpack(const std::string& bytes) {
  MemorySource source(bytes);
  GzipSource gzip(source);
  return ReadAll(gzip, 64 << 20);
}

// Gives one byte at a time, as a slow network might.
class Trickle final : public ByteSource {
 public:
  explicit Trickle(absl::string_view bytes) : bytes_(bytes) {}
  absl::StatusOr<std::size_t> Read(std::span<char> buffer) override {
    return bytes_.Read(buffer.subspan(0, 1));
  }

 private:
  MemorySource bytes_;
};

TEST(GzipSourceTest, UnpacksOneMemberOrMany) {
  std::mt19937 random(1);
  std::string text(3 << 20, 'x');
  for (std::size_t i = 0; i < text.size(); i += 3) text[i] = static_cast<char>(random());
  const std::string member = CompressForTests(text, "gzip");
  EXPECT_TRUE(*Unpack(member) == text);
  EXPECT_TRUE(*Unpack(member + CompressForTests("", "gzip") + member) == text + text);
}

TEST(GzipSourceTest, PiecesMayBeOfAnySize) {
  const std::string text = "a text that is longer than the pieces it comes in";
  const std::string members = CompressForTests(text, "gzip") + CompressForTests(text, "gzip");
  Trickle source(members);
  GzipSource gzip(source);
  std::string unpacked;
  for (char piece[3];;) {
    ASSERT_OK_AND_ASSIGN(const std::size_t count, gzip.Read(piece));
    if (count == 0) break;
    unpacked.append(piece, count);
  }
  EXPECT_EQ(unpacked, text + text);
}

TEST(GzipSourceTest, EveryByteThatIsMissingOrTooMuchIsNoticed) {
  const std::string member = CompressForTests("a text that is not very long", "gzip");
  for (std::size_t size = 0; size < member.size(); ++size)
    EXPECT_THAT(Unpack(member.substr(0, size)), StatusIs(absl::StatusCode::kDataLoss)) << size;
  for (const char* garbage : {"x", "garbage", "\n", "\x1f"}) {
    EXPECT_THAT(Unpack(member + garbage), StatusIs(absl::StatusCode::kDataLoss)) << garbage;
    EXPECT_THAT(Unpack(garbage + member), StatusIs(absl::StatusCode::kDataLoss)) << garbage;
  }
  EXPECT_THAT(Unpack(member + std::string(512, '\0')), StatusIs(absl::StatusCode::kDataLoss));
}

TEST(GzipSourceTest, ChecksumsAndLengthsAreChecked) {
  const std::string member = CompressForTests("a text that is not very long", "gzip");
  for (std::size_t from_end = 1; from_end <= 8; ++from_end) {
    std::string changed = member;
    changed[changed.size() - from_end] ^= 1;
    EXPECT_THAT(Unpack(changed), StatusIs(absl::StatusCode::kDataLoss, ::testing::HasSubstr("checksum")));
  }
}

}  // namespace
}  // namespace banger
