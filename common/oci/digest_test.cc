#include "common/oci/digest.h"

#include <vector>

#include "common/testing/status_matchers.h"

namespace banger::oci {
namespace {

using ::testing::HasSubstr;

constexpr char kEmpty256[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr char kEmpty512[] =
    "sha512:cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
    "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e";

TEST(DigestTest, AreOfOneOfTwoAlgorithmsAndItsLength) {
  EXPECT_TRUE(IsDigest(kEmpty256));
  EXPECT_TRUE(IsDigest(kEmpty512));
  const std::string hex = DigestHex(kEmpty256);
  for (const std::string& wrong :
       std::vector<std::string>{"", hex, "sha256:", "sha256:" + hex.substr(1), "sha512:" + hex,
                                "md5:" + hex.substr(32), "sha256:" + std::string(64, 'A'), "SHA256:" + hex,
                                "sha256:" + hex + "0", ":" + hex, "sha256:../../" + hex.substr(6)})
    EXPECT_FALSE(IsDigest(wrong)) << wrong;
}

TEST(DigestTest, AreTakenApart) {
  EXPECT_EQ(DigestAlgorithm(kEmpty512), "sha512");
  EXPECT_EQ(DigestHex("sha256:abc"), "abc");
  EXPECT_EQ(DigestAlgorithm("nothing"), "nothing");
}

TEST(DigesterTest, HashesByTheAlgorithmOfTheDigestInPieces) {
  for (const char* empty : {kEmpty256, kEmpty512}) {
    auto digester = Digester::For(empty);
    ASSERT_OK(digester);
    EXPECT_EQ(digester->Digest(), empty);
    EXPECT_TRUE(HasDigest("", empty));
    EXPECT_FALSE(HasDigest("x", empty));
  }
  auto whole = Digester::For(kEmpty256), pieces = Digester::For(kEmpty256);
  whole->Update("abc");
  pieces->Update("a");
  pieces->Update("bc");
  EXPECT_EQ(whole->Digest(), pieces->Digest());
}

TEST(DigesterTest, RefusesOtherAlgorithmsByName) {
  EXPECT_THAT(Digester::For("md5:d41d8cd98f00b204e9800998ecf8427e"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("md5:d41d")));
}

}  // namespace
}  // namespace banger::oci
