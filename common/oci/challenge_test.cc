#include "common/oci/challenge.h"

#include "common/testing/status_matchers.h"

namespace banger::oci {
namespace {

using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

TEST(ChallengeTest, ABearerChallengeHasItsParameters) {
  const auto challenges = ParseChallenges(
      R"(Bearer realm="https://auth.example/token",service="reg.example",scope="repository:a/b:pull,push")");
  ASSERT_THAT(challenges, SizeIs(1));
  EXPECT_EQ(challenges[0].scheme, "bearer");
  EXPECT_THAT(challenges[0].parameters, UnorderedElementsAre(Pair("realm", "https://auth.example/token"),
                                                             Pair("service", "reg.example"),
                                                             Pair("scope", "repository:a/b:pull,push")));
}

TEST(ChallengeTest, SeveralStandInOneField) {
  const auto challenges =
      ParseChallenges(R"(Negotiate, Basic realm = "a \"b\", c" , charset=UTF-8,, BEARER Realm=x)");
  ASSERT_THAT(challenges, SizeIs(3));
  EXPECT_EQ(challenges[0].scheme, "negotiate");
  EXPECT_THAT(challenges[1].parameters,
              UnorderedElementsAre(Pair("realm", R"(a "b", c)"), Pair("charset", "UTF-8")));
  EXPECT_EQ(challenges[2].scheme, "bearer");
  EXPECT_THAT(challenges[2].parameters, UnorderedElementsAre(Pair("realm", "x")));
}

TEST(ChallengeTest, NonsenseEndsTheList) {
  for (const char* nonsense : {"", " ,, ", "\"x\"", "=", "a=b", "\x01"})
    EXPECT_THAT(ParseChallenges(nonsense), IsEmpty());
  EXPECT_THAT(ParseChallenges("Basic realm=\"open"), SizeIs(1));
  EXPECT_THAT(ParseChallenges("Basic realm=\"x\\"), SizeIs(1));
  EXPECT_THAT(ParseChallenges("Basic realm=(, Bearer x=y"), SizeIs(1));
}

}  // namespace
}  // namespace banger::oci
