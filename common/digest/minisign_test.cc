#include "common/digest/minisign.h"

#include <gtest/gtest.h>

#include "absl/strings/str_replace.h"
#include "common/digest/testing/minisign_signer.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::HasSubstr;

// Made with Debian's minisign 0.11.
constexpr char kKey[] = "RWTZxcOkXKO3oPsZ2R+E3wh7+6np/mFKl83Ys8tvS0dun2q2xxFpFx6J";
constexpr char kOtherKey[] = "RWSVFntOWTW4bAXmUY0RW22y/WtKhlyRPsovuynvTjBWbKMmr7fWpFKs";
constexpr char kText[] = "{\"version\": 1, \"entries\": []}\n";
constexpr char kPrehashed[] =
    "untrusted comment: signature from minisign secret key\n"
    "RUTZxcOkXKO3oJxY6xbIrS+MSmAVfyl0e2XtsvtUrSw+Ru2nv1nSZZ0VjczVCGLYTf6GhlqfjyBbkJtcrBb/"
    "qmmmO271qAkBOAM=\n"
    "trusted comment: version 1\n"
    "pD6C0RsnBht+65IMvnp0MNL8H9kdL8rXrf9D4s1Kb186kdC8UvUw+CIg/9Z1QABSRvav5pmwJWqbO+UqY5BxDw==\n";
constexpr char kLegacy[] =
    "untrusted comment: signature from minisign secret key\n"
    "RWTZxcOkXKO3oMsKsEAiTYx3dOXgIEyhZSMTk9wrunJtbiGvbeebUTzahk9/hFggaAl8Cpp9HPG6swNurFB76Zb4phUGL+qdyQI=\n"
    "trusted comment: version 1\n"
    "JiDcpPxQ9D3qvvei157vUNHLT1rHmuYbuGyoCgDkqBU7KAzFrZ/UiFMWiiFDdfJftbkhjuvBOhc4zAJqUCy9Ag==\n";

absl::Status Verify(const std::string& key, absl::string_view text, absl::string_view signature) {
  BANGER_ASSIGN_OR_RETURN(const MinisignKey parsed, MinisignKey::Parse(key));
  return parsed.Verify(text, signature);
}

auto Refused(const std::string& why) { return StatusIs(absl::StatusCode::kPermissionDenied, HasSubstr(why)); }

TEST(MinisignTest, BothFormsOfTheRealProgramVerify) {
  EXPECT_OK(Verify(kKey, kText, kPrehashed));
  EXPECT_OK(Verify(kKey, kText, kLegacy));
}

TEST(MinisignTest, AnyChangeIsRefused) {
  for (const std::string& good : {std::string(kPrehashed), std::string(kLegacy)}) {
    EXPECT_THAT(Verify(kKey, "other", good), Refused("does not fit"));
    EXPECT_THAT(Verify(kOtherKey, kText, good), Refused("another key"));
    EXPECT_THAT(Verify(kKey, kText, absl::StrReplaceAll(good, {{"version 1", "version 9"}})),
                Refused("trusted comment"));
    // Whatever byte of the signature's lines is flipped or cut off.
    const std::size_t begin = good.find('\n') + 1;
    for (std::size_t i = begin; i + 1 < good.size(); ++i) {
      std::string bad = good;
      bad[i] = bad[i] == 'A' ? 'B' : 'A';
      EXPECT_FALSE(Verify(kKey, kText, bad).ok()) << i;
      EXPECT_FALSE(Verify(kKey, kText, good.substr(0, i)).ok()) << i;
    }
  }
}

TEST(MinisignTest, AnotherKeyWithTheSameIdIsRefused) {
  const MinisignSigner signer;
  EXPECT_OK(Verify(signer.public_key(), kText, signer.Sign(kText)));
  EXPECT_OK(Verify(signer.public_key(), kText, signer.Sign(kText, /*prehashed=*/false)));
  std::string forged = signer.public_key();
  forged[30] = forged[30] == 'A' ? 'B' : 'A';
  EXPECT_THAT(Verify(forged, kText, signer.Sign(kText)), Refused("does not fit"));
}

TEST(MinisignTest, WhatIsNoKeyOrNoSignatureIsSaid) {
  for (const char* wrong :
       {"", "RWQ", "not base64!", kPrehashed, "RUTZxcOkXKO3oPsZ2R+E3wh7+6np/mFKl83Ys8tvS0dun2q2xxFpFx6J"})
    EXPECT_THAT(MinisignKey::Parse(wrong), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
  for (const char* wrong : {"", "\n\n\n\n", "<html>not found</html>", "a\nb\ntrusted comment: c\nd\n"})
    EXPECT_THAT(Verify(kKey, kText, wrong), Refused("none of minisign's"));
}

}  // namespace
}  // namespace banger
