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
      MergeEnvironment(kDev, true, {"PATH=/opt", "A=image", "HOME=/", "B=b"}, {"A=caller", "TERM=vt100"});
  EXPECT_THAT(merged, Contains("PATH=/opt"));
  EXPECT_THAT(merged, Contains("A=caller"));
  EXPECT_THAT(merged, Not(Contains("A=image")));
  EXPECT_THAT(merged, Contains("B=b"));
  EXPECT_THAT(merged, Contains("HOME=/home/dev"));
  EXPECT_THAT(merged, Contains("TERM=vt100"));
}

TEST(EnvironmentTest, WhatIsNoEntryInTheImageChangesNothing) {
  EXPECT_EQ(MergeEnvironment(kDev, false, {"NOEQUALS", "=x", std::string("A=\0b", 4)}, {}),
            MergeEnvironment(kDev, false, {}, {}));
}

TEST(EnvironmentTest, KeysAreComparedWhole) {
  EXPECT_THAT(MergeEnvironment(kDev, false, {"HOMEDIR=x"}, {}), Contains("HOMEDIR=x"));
  EXPECT_EQ(Lookup({"AB=1", "A=2="}, "A"), "2=");
  EXPECT_EQ(Lookup({"AB=1"}, "A"), "");
}

TEST(EnvironmentTest, EntriesThatAreNoneAreNamed) {
  EXPECT_THAT(CheckEnvironment({"A=", "B=c=d"}), IsOk());
  for (const std::string& entry : {std::string("NOEQUALS"), std::string("=x"), std::string("A=\0b", 4)})
    EXPECT_THAT(CheckEnvironment({"A=1", entry}),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(entry)));
}

TEST(EnvironmentTest, OnlyNamesWithoutASlashAreLookedUp) {
  EXPECT_THAT(ProgramCandidates("./x", "/bin"), ElementsAre("./x"));
  EXPECT_THAT(ProgramCandidates("x", "/a::/b"), ElementsAre("/a/x", "./x", "/b/x"));
  EXPECT_EQ(LoginName("/usr/bin/zsh"), "-zsh");
}

}  // namespace
}  // namespace banger::agent
