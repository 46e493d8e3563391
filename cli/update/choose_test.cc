#include "cli/update/choose.h"

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

Release Of(const std::string& version, int store = 7, const std::string& arch = "x86_64") {
  return {.id = absl::StrCat("banger-", version, "-linux-", arch),
          .version = version,
          .commit = "of" + version.substr(2, 1),
          .arch = arch,
          .tarball = {},
          .store_version = store};
}

const std::vector<Release> kReleases = {Of("0.9.0"), Of("0.10.0"), Of("0.2.0", 5),
                                        Of("0.30.0", 9, "aarch64")};

Installation Here(const std::string& version, int store = 7) {
  return {.version = version, .commit = "mine", .arch = "x86_64", .store_version = store};
}

std::string Chosen(const Installation& here, const std::string& to = "") {
  const auto release = ChooseRelease(kReleases, here, to);
  if (!release.ok()) return std::string(release.status().message());
  return release->has_value() ? (*release)->version : "nothing";
}

TEST(ChooseReleaseTest, TheNewestOfThisMachineWhenItIsNewer) {
  EXPECT_EQ(Chosen(Here("0.9.0")), "0.10.0");
  EXPECT_EQ(Chosen(Here("0.10.0")), "nothing");
  EXPECT_EQ(NewestRelease(kReleases, "aarch64")->version, "0.30.0");
  EXPECT_FALSE(NewestRelease(kReleases, "riscv64").has_value());
}

TEST(ChooseReleaseTest, AnOlderOneNeverByItself) {
  EXPECT_EQ(Chosen(Here("0.11.0")), "nothing");
  EXPECT_EQ(Chosen(Here("0.11.0"), "0.10.0"), "0.10.0");
  EXPECT_EQ(Chosen(Here("0.10.0"), "0.9.0"), "0.9.0");
}

TEST(ChooseReleaseTest, NoneThatDoesNotKnowTheStore) {
  EXPECT_THAT(Chosen(Here("0.10.0"), "0.2.0"),
              AllOf(HasSubstr("banger 0.2.0 knows vmd's store up to version 5"), HasSubstr("version 7")));
  EXPECT_THAT(Chosen(Here("0.9.0", 8)), HasSubstr("banger 0.10.0 knows vmd's store up to version 7"));
  EXPECT_EQ(Chosen(Here("0.10.0", 5), "0.2.0"), "0.2.0");
  EXPECT_EQ(Chosen(Here("0.10.0", 0), "0.2.0"), "0.2.0");
}

TEST(ChooseReleaseTest, WhatIsNotThereIsNamedWithWhatIs) {
  EXPECT_THAT(Chosen(Here("0.9.0"), "0.30.0"),
              AllOf(HasSubstr("no release 0.30.0 for x86_64"), HasSubstr("0.9.0, 0.10.0, 0.2.0")));
  EXPECT_EQ(ExitCodeOf(ChooseRelease(kReleases, Here("0.9.0"), "newest").status()), kExitUsage);
  EXPECT_EQ(ExitCodeOf(ChooseRelease({}, Here("0.9.0"), "").status()), kExitNotFound);
}

TEST(ChooseReleaseTest, TheSameVersionOfAnotherBuildOnlyWhenAskedFor) {
  Installation here = Here("0.10.0");
  EXPECT_EQ(Chosen(here, "0.10.0"), "0.10.0");
  here.commit = "of1";
  EXPECT_EQ(Chosen(here, "0.10.0"), "nothing");
}

}  // namespace
}  // namespace banger::cli
