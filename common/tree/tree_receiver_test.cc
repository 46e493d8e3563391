// What is copied arrives as it was, where `docker cp` would have it.
#include "common/tree/tree_receiver.h"

#include "common/tree/testing/tree_fixture.h"

namespace banger {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

class TreeReceiverTest : public TreeTest {};

TEST_F(TreeReceiverTest, ATreeArrivesAsItWas) {
  Write("tree/file", "content", 0751);
  Write("tree/sub/empty", "");
  fs::create_symlink("../file", from_ / "tree/sub/link");
  fs::create_symlink("/etc/passwd", from_ / "tree/absolute");
  fs::create_hard_link(from_ / "tree/file", from_ / "tree/sub/second");
  WriteSparse("tree/sparse", std::int64_t{1} << 30, {0, 700 << 20}, std::string(5000, 's'));
  const timespec times[] = {{0, UTIME_OMIT}, {1'000'000'000, 123'456'789}};
  ASSERT_EQ(::utimensat(AT_FDCWD, (from_ / "tree/file").c_str(), times, 0), 0);
  fs::permissions(from_ / "tree/sub", fs::perms(0555));
  ASSERT_EQ(::utimensat(AT_FDCWD, (from_ / "tree/sub").c_str(), times, 0), 0);

  ASSERT_OK_AND_ASSIGN(const ReceivedTree received, Copy("tree", "copy"));
  EXPECT_EQ(received.files, 3);
  EXPECT_THAT(ReadFile(to_ / "copy/file"), IsOkAndHolds("content"));
  EXPECT_EQ(Stat(to_ / "copy/file").st_mode & 07777, 0751U);
  EXPECT_EQ(Stat(to_ / "copy/file").st_mtim.tv_sec, 1'000'000'000);
  EXPECT_EQ(Stat(to_ / "copy/file").st_mtim.tv_nsec, 123'456'789);
  EXPECT_EQ(Stat(to_ / "copy/sub").st_mode & 07777, 0555U);
  EXPECT_EQ(Stat(to_ / "copy/sub").st_mtim.tv_sec, 1'000'000'000);
  EXPECT_EQ(fs::read_symlink(to_ / "copy/sub/link"), "../file");
  EXPECT_EQ(fs::read_symlink(to_ / "copy/absolute"), "/etc/passwd");
  EXPECT_EQ(Stat(to_ / "copy/file").st_ino, Stat(to_ / "copy/sub/second").st_ino);
  const struct stat sparse = Stat(to_ / "copy/sparse");
  EXPECT_EQ(sparse.st_size, std::int64_t{1} << 30);
  EXPECT_LT(sparse.st_blocks * 512, 1 << 20);
  std::string data(5000, '\0');
  const UniqueFd fd = *OpenFile(to_ / "copy/sparse", O_RDONLY);
  ASSERT_EQ(::pread(fd.get(), data.data(), data.size(), 700 << 20), 5000);
  EXPECT_EQ(data, std::string(5000, 's'));
  ExpectNothingElse();
  fs::permissions(from_ / "tree/sub", fs::perms(0755));
  fs::permissions(to_ / "copy/sub", fs::perms(0755));
}

TEST_F(TreeReceiverTest, AFileBecomesTheNameOrGoesIntoTheDirectory) {
  Write("a", "1");
  EXPECT_OK(Copy("a", "new"));
  EXPECT_THAT(ReadFile(to_ / "new"), IsOkAndHolds("1"));
  EXPECT_OK(Copy("a", ""));
  EXPECT_THAT(ReadFile(to_ / "a"), IsOkAndHolds("1"));
  Write("a", "2");
  EXPECT_OK(Copy("a", "new"));
  EXPECT_THAT(ReadFile(to_ / "new"), IsOkAndHolds("2"));
  EXPECT_THAT(Copy("a", "none/"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no directory")));
  EXPECT_THAT(Copy("a", "none/b"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("no directory")));
  fs::create_directory(to_ / "taken");
  fs::create_directory(to_ / "taken/a");
  EXPECT_THAT(Copy("a", "taken"), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another kind")));
  ExpectNothingElse();
}

TEST_F(TreeReceiverTest, ADirectoryBecomesTheNameOrGoesIntoTheDirectory) {
  Write("d/x", "1");
  EXPECT_OK(Copy("d", "new"));
  EXPECT_TRUE(fs::exists(to_ / "new/x"));
  EXPECT_OK(Copy("d", "new2/"));
  EXPECT_TRUE(fs::exists(to_ / "new2/x"));
  EXPECT_OK(Copy("d", "new"));
  EXPECT_TRUE(fs::exists(to_ / "new/d/x"));
  ASSERT_OK(WriteFileAtomically(to_ / "file", ""));
  EXPECT_THAT(Copy("d", "file"), StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no directory")));
  EXPECT_THAT(Copy("d", "none/b"), StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(TreeReceiverTest, WhatIsInADirectoryGoesIntoTheNameOrIsIt) {
  Write("d/x", "1");
  Write("d/y/z", "2");
  ASSERT_OK_AND_ASSIGN(const std::string tar, Pack(from_ / "d", ""));
  EXPECT_OK(Receive(tar, {.path = to_}));
  EXPECT_TRUE(fs::exists(to_ / "x"));
  EXPECT_OK(Receive(tar, {.path = to_ / "new"}));
  EXPECT_TRUE(fs::exists(to_ / "new/y/z"));
}

TEST_F(TreeReceiverTest, ADirectoryThatIsThereKeepsItsModeAndWhatIsInIt) {
  Write("d/x", "1");
  fs::create_directory(to_ / "d");
  fs::permissions(to_ / "d", fs::perms(0700));
  ASSERT_OK(WriteFileAtomically(to_ / "d/other", "stays"));
  EXPECT_OK(Copy("d", ""));
  EXPECT_EQ(Stat(to_ / "d").st_mode & 07777, 0700U);
  EXPECT_TRUE(fs::exists(to_ / "d/other"));
  EXPECT_TRUE(fs::exists(to_ / "d/x"));
}

TEST_F(TreeReceiverTest, SetuidBitsGoUnlessAskedFor) {
  Write("tool", "x");
  ASSERT_EQ(::chmod((from_ / "tool").c_str(), 06755), 0);
  EXPECT_OK(Copy("tool", "plain"));
  EXPECT_EQ(Stat(to_ / "plain").st_mode & 07777, 0755U);
  EXPECT_OK(
      Receive(*Pack(from_ / "tool", "tool"), {.path = to_ / "kept", .name = "tool"}, {.mode_mask = 07777}));
  EXPECT_EQ(Stat(to_ / "kept").st_mode & 07777, 06755U);
}

TEST_F(TreeReceiverTest, OwnersAreAsAskedFor) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root gives files away";
  Write("d/x", "1");
  fs::create_symlink("x", from_ / "d/l");
  ASSERT_EQ(::lchown((from_ / "d/x").c_str(), 1234, 4321), 0);
  ASSERT_OK_AND_ASSIGN(const std::string tar, Pack(from_ / "d", "d"));
  EXPECT_OK(Receive(tar, {.path = to_ / "given", .name = "d"}, {.owner = FileOwner{77, 78}}));
  for (const char* name : {"given", "given/x", "given/l"}) EXPECT_EQ(Stat(to_ / name).st_uid, 77U) << name;
  EXPECT_EQ(Stat(to_ / "given/x").st_gid, 78U);
  EXPECT_OK(
      Receive(tar, {.path = to_ / "kept", .name = "d"}, {.keep_owners = true, .owner = FileOwner{0, 0}}));
  EXPECT_EQ(Stat(to_ / "kept/x").st_uid, 1234U);
}

TEST_F(TreeReceiverTest, AnUnfinishedCopySaysWhatIsThereAndLeavesNoHalfFile) {
  Write("d/1", std::string(1000, '1'));
  Write("d/2", std::string(1000, '2'));
  ASSERT_OK_AND_ASSIGN(std::string tar, Pack(from_ / "d", "d"));
  ASSERT_OK(WriteFileAtomically(to_ / "keep", "old"));
  tar.resize(512 * 12);  // the directory, one file, the other's headers and half of it
  EXPECT_THAT(Receive(tar, {.path = to_ / "copy", .name = "d"}),
              StatusIs(absl::StatusCode::kDataLoss, HasSubstr("after 1 file: ")));
  EXPECT_EQ(std::distance(fs::directory_iterator(to_ / "copy"), fs::directory_iterator()), 1);
  Write("keep", std::string(1000, 'n'));
  ASSERT_OK_AND_ASSIGN(tar, Pack(from_ / "keep", "keep"));
  EXPECT_THAT(Receive(tar.substr(0, 512 * 4), {.path = to_, .name = "keep"}), ::testing::Not(IsOk()));
  EXPECT_THAT(ReadFile(to_ / "keep"), IsOkAndHolds("old"));
  ExpectNothingElse();
}

}  // namespace
}  // namespace banger
