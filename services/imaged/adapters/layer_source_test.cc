#include "services/imaged/adapters/layer_source.h"

#include "common/archive/archive_reader.h"
#include "common/archive/compress_for_tests.h"
#include "common/digest/sha256.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::imaged {
namespace {

using ::testing::HasSubstr;

absl::StatusOr<std::string> Unpack(const std::string& blob, const std::string& diff_id,
                                   std::int64_t max_bytes = 64 << 20) {
  absl::StatusOr<std::unique_ptr<ByteSource>> layer =
      LayerSource::Open([&blob](const std::stop_token&) { return std::make_unique<MemorySource>(blob); },
                        diff_id, max_bytes, {});
  if (!layer.ok()) return layer.status();
  return ReadAll(**layer, 64 << 20);
}

std::string DiffId(const std::string& tar) { return "sha256:" + Sha256Hex(tar); }

TEST(LayerSourceTest, UnpacksByTheBytesThemselves) {
  const std::string tar(100000, 't');
  for (const char* const filter : {"gzip", "zstd", "none"})
    EXPECT_TRUE(*Unpack(CompressForTests(tar, filter), DiffId(tar)) == tar) << filter;
  EXPECT_THAT(Unpack("", DiffId("")), IsOkAndHolds(""));
  EXPECT_THAT(Unpack("abc", DiffId("abc")), IsOkAndHolds("abc"));
}

TEST(LayerSourceTest, TakesMembersAndFramesInARow) {
  const std::string tar(100000, 't');
  for (const char* const filter : {"gzip", "zstd"}) {
    const std::string packed = CompressForTests(tar, filter);
    EXPECT_TRUE(*Unpack(packed + packed, DiffId(tar + tar)) == tar + tar) << filter;
  }
  const std::string metadata_frame("\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11);
  EXPECT_TRUE(*Unpack(metadata_frame + CompressForTests(tar, "zstd"), DiffId(tar)) == tar);
}

TEST(LayerSourceTest, EndsInAnErrorWhenTheTarIsAnother) {
  const absl::Status status = Unpack(CompressForTests("other", "gzip"), DiffId("tar")).status();
  EXPECT_EQ(ErrorReason(status), "DIGEST_MISMATCH");
  EXPECT_THAT(std::string(status.message()), HasSubstr(DiffId("tar")));
  EXPECT_EQ(ErrorReason(Unpack("tar", "md5:abc").status()), "IMAGE_CORRUPT");
}

TEST(LayerSourceTest, TruncationAndGarbageAreNoticed) {
  for (const char* const filter : {"gzip", "zstd"}) {
    const std::string packed = CompressForTests(std::string(100000, 't'), filter);
    EXPECT_THAT(Unpack(packed.substr(0, packed.size() - 1), DiffId("x")),
                StatusIs(absl::StatusCode::kDataLoss, HasSubstr("too soon")));
    EXPECT_THAT(Unpack(packed + "garbage", DiffId("x")), StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(LayerSourceTest, ABombEndsAtTheLimit) {
  for (const char* const filter : {"gzip", "zstd"})
    EXPECT_THAT(Unpack(CompressForTests(std::string(20 << 20, '\0'), filter), DiffId("x"), 1 << 20),
                StatusIs(absl::StatusCode::kResourceExhausted, HasSubstr("1048576")));
}

}  // namespace
}  // namespace banger::imaged
