#include "services/agent/core/environment.h"

#include "common/testing/status_matchers.h"

namespace banger::agent {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const User kDev{.name = "dev", .uid = 1000, .gid = 1000, .supplementary = {}, .home = "/home/dev"};

TEST(EnvironmentTest, TheUserGetsItsOwnNames) {
  EXPECT_THAT(MergeEnvironment(kDev, false, {}, {}),
              ElementsAre(HasSubstr("PATH=/usr/local/sbin:"), "HOME=/home/dev", "SHELL=/bin/sh", "USER=dev",
                          "LOGNAME=dev"));
}

TEST(EnvironmentTest, TheCallerWinsOverTheImageAndTheImageOverUs) {
  const Environment merged =
      MergeEnvironment(kDev, true, {"PATH=/opt", "A=image", "HOME=/app", "B=b"}, {"A=caller", "TERM=vt100"});
  EXPECT_THAT(merged, Contains("PATH=/opt"));
  EXPECT_THAT(merged, Contains("A=caller"));
  EXPECT_THAT(merged, Not(Contains("A=image")));
  EXPECT_THAT(merged, Contains("B=b"));
  EXPECT_THAT(merged, Contains("HOME=/app"));
  EXPECT_THAT(merged, Contains("TERM=vt100"));
}

TEST(EnvironmentTest, AnotherUserGetsNothingThatNamesTheImages) {
  EXPECT_THAT(WithoutIdentity({"HOME=/app", "A=1", "USER=app", "LOGNAME=app", "SHELL=/bin/ash", "HOMES=2"}),
              ElementsAre("A=1", "HOMES=2"));
}

TEST(EnvironmentTest, WhatIsNoEntryInTheImageIsLeftOutAndTheFirstIsNamed) {
  const UsableEnvironment usable =
      KeepUsable({"A=1", "NOEQUALS\x1b[31m", "=x", std::string("Z=\0b", 4), "B=2"});
  EXPECT_THAT(usable.entries, ElementsAre("A=1", "B=2"));
  EXPECT_THAT(usable.problem, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'NOEQUALS\\x1b[31m'")));
  EXPECT_OK(KeepUsable({"A=1"}).problem);
}

TEST(EnvironmentTest, AnImageCannotBringMoreThanTheKernelTakes) {
  const std::string large = "A=" + std::string((128 << 10) - 3, 'x');
  EXPECT_OK(KeepUsable({large}).problem);
  const UsableEnvironment one = KeepUsable({large + "x", "B=2"});
  EXPECT_THAT(one.entries, ElementsAre("B=2"));
  EXPECT_THAT(one.problem, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("128 KiB")));
  const UsableEnvironment many = KeepUsable(Environment(20, large));
  EXPECT_EQ(many.entries.size(), 8U);
  EXPECT_THAT(many.problem, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("1 MiB")));
}

TEST(EnvironmentTest, KeysAreComparedWhole) {
  EXPECT_THAT(MergeEnvironment(kDev, false, {"HOMEDIR=x"}, {}), Contains("HOMEDIR=x"));
  EXPECT_EQ(Lookup({"AB=1", "A=2="}, "A"), "2=");
  EXPECT_EQ(Lookup({"AB=1"}, "A"), "");
}

TEST(EnvironmentTest, EntriesThatAreNoneAreNamed) {
  EXPECT_THAT(CheckEnvironment({"A=", "B=c=d"}), IsOk());
  for (const std::string& entry : {std::string("NOEQUALS"), std::string("=x")})
    EXPECT_THAT(CheckEnvironment({"A=1", entry}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(entry)));
  EXPECT_THAT(CheckEnvironment({std::string("A=\0b", 4)}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'A=\\x00")));
}

TEST(EnvironmentTest, OnlyNamesWithoutASlashAreLookedUp) {
  EXPECT_THAT(ProgramCandidates("./x", "/bin"), ElementsAre("./x"));
  EXPECT_THAT(ProgramCandidates("x", "/a::/b"), ElementsAre("/a/x", "./x", "/b/x"));
  EXPECT_EQ(LoginName("/usr/bin/zsh"), "-zsh");
}

}  // namespace
}  // namespace banger::agent
