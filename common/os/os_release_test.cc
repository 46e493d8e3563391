#include "common/os/os_release.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace banger {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(OsReleaseTest, ValuesComeBareOrQuoted) {
  const OsRelease os = ParseOsRelease(
      "NAME=x\nPRETTY_NAME=\"Test \\\"Linux\\\" 12\"\nID='opensuse-leap'\nID_LIKE=\"suse  "
      "opensuse\"\nID_X=no\n");
  EXPECT_EQ(os.pretty_name, "Test \"Linux\" 12");
  EXPECT_EQ(os.id, "opensuse-leap");
  EXPECT_THAT(os.id_like, ElementsAre("suse", "opensuse"));
}

TEST(OsReleaseTest, WhatIsNotThereIsEmpty) {
  const OsRelease os = ParseOsRelease("no assignment\n\n=x\nID_LIKE=\n");
  EXPECT_EQ(os.id, "");
  EXPECT_EQ(os.pretty_name, "");
  EXPECT_THAT(os.id_like, IsEmpty());
}

TEST(OsReleaseTest, NothingOfItHarmsATerminal) {
  EXPECT_EQ(ParseOsRelease("PRETTY_NAME=a\x1b[31mb\xff\n").pretty_name, "a[31mb");
  EXPECT_EQ(ParseOsRelease("ID=" + std::string(1000, 'x')).id.size(), 128U);
}

}  // namespace
}  // namespace banger
