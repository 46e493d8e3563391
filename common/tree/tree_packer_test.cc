#include "common/tree/tree_packer.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <thread>

#include "common/os/subprocess.h"
#include "common/tree/file_holes.h"
#include "common/tree/testing/tree_fixture.h"

namespace banger {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TreePackerTest : public TreeTest {
 protected:
  // What another program makes of the tar.
  std::string List(const std::string& tar) const {
    const auto listed = RunCommand({.argv = {"tar", "-tv", "--numeric-owner"}}, tar);
    EXPECT_OK(listed);
    EXPECT_EQ(listed->err, "");
    return listed->out;
  }
};

TEST_F(TreePackerTest, AnotherProgramReadsWhatWasPacked) {
  Write("tree/file", "content", 0640);
  Write("tree/" + std::string(200, 'n'), "long");
  fs::create_symlink("file", from_ / "tree/link");
  fs::create_hard_link(from_ / "tree/file", from_ / "tree/second");
  ASSERT_OK_AND_ASSIGN(const std::string tar, Pack(from_ / "tree", "t"));
  const std::string listing = List(tar);
  EXPECT_THAT(listing, HasSubstr("t/link -> file"));
  EXPECT_THAT(listing, HasSubstr("t/" + std::string(200, 'n')));
  EXPECT_THAT(listing, ::testing::ContainsRegex("link to t/(file|second)"));
  EXPECT_THAT(listing, ::testing::ContainsRegex("-rw-r-----.* 7 .* t/(file|second)"));
}

TEST_F(TreePackerTest, HolesAreNotSent) {
  WriteSparse("sparse", std::int64_t{1} << 30, {64 << 20, 512 << 20}, std::string(8192, 'd'));
  ASSERT_OK_AND_ASSIGN(const std::string tar, Pack(from_ / "sparse", "sparse"));
  EXPECT_LT(tar.size(), 64U << 10);
  EXPECT_THAT(List(tar), HasSubstr(" 1073741824 "));
}

TEST_F(TreePackerTest, SmallHolesCountAsData) {
  std::vector<std::int64_t> offsets;
  for (std::int64_t at = 0; at < 8 << 20; at += 16 << 10) offsets.push_back(at);
  WriteSparse("many", 8 << 20, offsets, "x");
  const UniqueFd fd = *OpenFile(from_ / "many", O_RDONLY);
  EXPECT_LE(DataRangesOf(fd.get(), 8 << 20).size(), 2U);
}

TEST_F(TreePackerTest, SocketsFifosAndDevicesAreLeftOutAndNamed) {
  Write("tree/file", "");
  // The name goes into a message, which takes UTF-8 only.
  ASSERT_EQ(::mkfifo((from_ / "tree/fifo\xff").c_str(), 0600), 0);
  ASSERT_OK_AND_ASSIGN(const std::string tar, Pack(from_ / "tree", "tree"));
  EXPECT_THAT(warnings_, ElementsAre(HasSubstr("fifo?' is left out: a fifo")));
  EXPECT_THAT(List(tar), ::testing::Not(HasSubstr("fifo")));
}

TEST_F(TreePackerTest, ALinkIsFollowedOnlyWhenAskedFor) {
  Write("real/file", "x");
  fs::create_directory_symlink("real", from_ / "link");
  EXPECT_THAT(List(*Pack(from_ / "link", "l")), HasSubstr("l -> real"));
  EXPECT_THAT(List(*Pack(from_ / "link", "l", true)), HasSubstr("l/file"));
}

TEST_F(TreePackerTest, FilesOfProcHaveTheirContent) {
  ASSERT_OK_AND_ASSIGN(const std::string tar, Pack("/proc/version", "version"));
  EXPECT_THAT(tar, HasSubstr("Linux version"));
}

TEST_F(TreePackerTest, BelowADirectoryNoLinkIsFollowed) {
  Write("root/a/file", "x");
  Write("outside/secret", "s");
  fs::create_directory_symlink(from_ / "outside", from_ / "root/out");
  fs::create_symlink(from_ / "outside/secret", from_ / "root/link");
  const UniqueFd root = *OpenFile(from_ / "root", O_PATH | O_DIRECTORY);
  std::string tar;
  TarWriter writer([&tar](absl::string_view piece) {
    tar.append(piece.data(), piece.size());
    return absl::OkStatus();
  });
  TreePacker packer(writer);
  EXPECT_OK(packer.AddBelow(root.get(), "a/file", "a/file"));
  EXPECT_OK(packer.AddBelow(root.get(), "link", "link"));
  for (const char* path : {"out/secret", "none", "none/x", "a", "a/file/x", "../outside/secret"})
    EXPECT_THAT(packer.AddBelow(root.get(), path, "x"), ::testing::Not(IsOk())) << path;
  ASSERT_OK(writer.Finish());
  EXPECT_THAT(List(tar), HasSubstr("link -> "));
}

TEST_F(TreePackerTest, ALinkThatIsGoneWhenItIsReadIsLeftOut) {
  // One of a process that has ended is there, and leads nowhere.
  const pid_t ended = ::fork();
  if (ended == 0) ::_exit(0);
  siginfo_t info{};
  ASSERT_EQ(::waitid(P_PID, static_cast<id_t>(ended), &info, WEXITED | WNOWAIT), 0);
  const UniqueFd process = *OpenFile("/proc/" + std::to_string(ended), O_PATH | O_DIRECTORY);
  TarWriter tar([](absl::string_view) { return absl::OkStatus(); });
  TreePacker packer(tar);
  EXPECT_OK(packer.AddBelow(process.get(), "cwd", "cwd"));
  EXPECT_THAT(packer.warnings(), ElementsAre("'cwd' is left out: it disappeared meanwhile"));
  ::waitpid(ended, nullptr, 0);
}

// Whatever comes between the looks at a file: no copy fails, and none is a hard link
// to what the tar does not hold.
TEST_F(TreePackerTest, FilesThatComeAndGoFailNoCopy) {
  Write("tree/first", "content");
  fs::create_hard_link(from_ / "tree/first", from_ / "tree/second");
  Write("tree/directory/file", "content");
  std::jthread mover([this](const std::stop_token& stop) {
    const auto move = [this](const char* from, const char* to) {
      ASSERT_EQ(::rename((from_ / from).c_str(), (from_ / to).c_str()), 0);
    };
    while (!stop.stop_requested()) {
      for (const char* name : {"first", "second", "directory"}) {
        const std::string inside = std::string("tree/") + name;
        move(inside.c_str(), name);
        move(name, inside.c_str());
      }
    }
  });
  for (int i = 0; i < 500; ++i) {
    const absl::StatusOr<std::string> tar = Pack(from_ / "tree", "tree");
    ASSERT_OK(tar);
    ASSERT_OK(Receive(*tar, {.path = (to_ / std::to_string(i)).string(), .name = "tree"}));
  }
}

TEST_F(TreePackerTest, WhatIsMissingIsNamed) {
  EXPECT_THAT(Pack(from_ / "none", "none"), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none'")));
}

TEST_F(TreePackerTest, AStopEndsIt) {
  Write("file", "x");
  std::stop_source stop;
  stop.request_stop();
  TarWriter tar([](absl::string_view) { return absl::OkStatus(); });
  TreePacker packer(tar, stop.get_token());
  EXPECT_THAT(packer.Add(from_, "all"), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger
