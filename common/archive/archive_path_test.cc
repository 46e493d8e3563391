#include "common/archive/archive_path.h"

#include <gtest/gtest.h>

#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::HasSubstr;

TEST(ArchivePathTest, TakesDotsAndDoubleSlashesOut) {
  EXPECT_THAT(NormalizeArchivePath("./a//b/./c/"), IsOkAndHolds("a/b/c"));
  EXPECT_THAT(NormalizeArchivePath("./"), IsOkAndHolds(""));
  EXPECT_THAT(NormalizeArchivePath("...a/..b"), IsOkAndHolds("...a/..b"));
  EXPECT_THAT(NormalizeArchivePath("caf\xc3\xa9/\xff"), IsOkAndHolds("caf\xc3\xa9/\xff"));
}

TEST(ArchivePathTest, RefusesByNameWhatCouldLeaveTheRoot) {
  for (const char* path : {"..", "../evil", "a/../../evil", "a/..", "/etc/passwd", "//x", ""})
    EXPECT_THAT(NormalizeArchivePath(path), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path)));
  EXPECT_THAT(NormalizeArchivePath(absl::string_view("a\0b", 3)),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("NUL")));
}

TEST(ArchivePathTest, RefusesNamesThatNoFileSystemTakes) {
  EXPECT_OK(NormalizeArchivePath(std::string(255, 'x')));
  EXPECT_THAT(NormalizeArchivePath(std::string(256, 'x')), StatusIs(absl::StatusCode::kInvalidArgument));
  std::string deep;
  while (deep.size() <= 4095) deep += "d/";
  EXPECT_THAT(NormalizeArchivePath(deep), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ArchivePathTest, SymlinksMayPointAnywhereBelowTheRootOrBeAbsolute) {
  EXPECT_OK(CheckSymlinkTarget("a/b", "../c"));
  EXPECT_OK(CheckSymlinkTarget("a", "/etc/shadow"));
  EXPECT_OK(CheckSymlinkTarget("a", "."));
}

TEST(ArchivePathTest, SymlinksThatLeaveTheRootAreRefusedByName) {
  EXPECT_THAT(CheckSymlinkTarget("a/b", "../../c"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'a/b'")));
  EXPECT_THAT(CheckSymlinkTarget("a", ".."), StatusIs(absl::StatusCode::kInvalidArgument));
  // With deep/up -> "..", that would be above the root.
  EXPECT_THAT(CheckSymlinkTarget("a", "deep/up/../.."), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckSymlinkTarget("a", "b/../../a"), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(CheckSymlinkTarget("a", ""), StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(ArchivePathTest, WhatIsShownIsOneLineOfUtf8) {
  EXPECT_EQ(PrintableArchivePath("caf\xc3\xa9/a\xff\n\x1b[2J"), "caf\xc3\xa9/a?\\n\\033[2J");
  EXPECT_EQ(PrintableArchivePath(std::string(199, 'x') + "\xc3\xa9"), std::string(199, 'x') + "?...");
}

}  // namespace
}  // namespace banger
