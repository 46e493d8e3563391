#include "common/digest/sha256.h"

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

// FIPS 180-2, appendix B.1.
constexpr char kAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

TEST(Sha256Test, MatchesTheStandard) { EXPECT_EQ(Sha256Hex("abc"), kAbc); }

TEST(Sha256Test, PiecesGiveTheSameDigest) {
  Sha256 digest;
  digest.Update("a");
  digest.Update("");
  digest.Update("bc");
  EXPECT_EQ(digest.HexDigest(), kAbc);
}

TEST(Sha256Test, FilesOfAnySizeAreRead) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  for (const std::size_t size : {std::size_t{0}, std::size_t{256 << 10}, std::size_t{300001}}) {
    const std::string content(size, 'x');
    ASSERT_OK(WriteFileAtomically(dir.path() / "f", content));
    EXPECT_THAT(Sha256OfFile(dir.path() / "f"), IsOkAndHolds(Sha256Hex(content)));
  }
}

}  // namespace
}  // namespace banger
