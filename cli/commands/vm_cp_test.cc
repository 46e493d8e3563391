// vm cp: the program itself, with a directory in place of a guest.
#include <fcntl.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>

#include "absl/strings/str_split.h"
#include "cli/errors.h"
#include "cli/testing/terminal_fixture.h"
#include "cli/testing/vm_fixture.h"
#include "common/archive/tar_builder.h"
#include "common/os/file.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using ::testing::Not;

class VmCpTest : public VmTest {
 protected:
  VmCpTest() {
    state_.guest_root = directory_.path() / "guest";
    fs::create_directories(state_.guest_root);
    fs::create_directories(here_);
  }
  std::string Here(const std::string& name) const { return (here_ / name).string(); }
  void Write(const fs::path& path, const std::string& content) const {
    ASSERT_OK(MakeDirectories(path.parent_path(), 0755));
    ASSERT_OK(WriteFileAtomically(path, content, 0644));
  }

  const fs::path here_ = directory_.path() / "here";
};

TEST_F(VmCpTest, FilesGoIn) {
  Write(Here("notes.txt"), "text");
  const CommandResult result = Run({"vm", "cp", "-u", "app:www", Here("notes.txt"), "web:"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_THAT(ReadFile(state_.guest_root / "notes.txt"), IsOkAndHolds("text"));
  EXPECT_EQ(state_.target.path(), "");
  EXPECT_EQ(state_.target.name(), "notes.txt");
  EXPECT_EQ(state_.target.user(), "app:www");
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("copied 1 file, 4\n"));
}

TEST_F(VmCpTest, ALinkThatIsNamedIsFollowedAndKeepsItsName) {
  Write(Here("real/x"), "1");
  fs::create_directory_symlink("real", here_ / "link");
  EXPECT_EQ(Run({"vm", "cp", Here("link"), "web:"}).status.code, 0);
  EXPECT_THAT(ReadFile(state_.guest_root / "link/x"), IsOkAndHolds("1"));
  EXPECT_EQ(Run({"vm", "cp", Here("link/."), "web:"}).status.code, 0);
  EXPECT_THAT(ReadFile(state_.guest_root / "x"), IsOkAndHolds("1"));
}

TEST_F(VmCpTest, DirectoriesComeOut) {
  Write(state_.guest_root / "srv/a", "1");
  Write(state_.guest_root / "srv/b/c", std::string(3 << 20, 'c'));
  const CommandResult result = Run({"vm", "cp", "web:srv", Here("out")});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(ReadFile(here_ / "out/b/c")->size(), 3U << 20);
  EXPECT_EQ(Run({"vm", "cp", "web:srv/", Here("out")}).status.code, 0);
  EXPECT_TRUE(fs::exists(here_ / "out/srv/a"));
  EXPECT_EQ(Run({"vm", "cp", "web:srv/.", here_.string()}).status.code, 0);
  EXPECT_TRUE(fs::exists(here_ / "b/c"));
}

TEST_F(VmCpTest, TarsPassThroughPipes) {
  Write(state_.guest_root / "srv/a", "1");
  const CommandResult out = Run({"vm", "cp", "web:srv", "-"});
  EXPECT_EQ(out.status.code, 0) << out.err;
  EXPECT_EQ(RunCommand({.argv = {"tar", "-t"}}, out.out)->out, "srv/\nsrv/a\n");
  EXPECT_EQ(Run({"vm", "cp", "-", "web:new"}, out.out).status.code, 0);
  EXPECT_TRUE(fs::exists(state_.guest_root / "new/srv/a"));
}

TEST_F(VmCpTest, WhatAGuestSaysIsHarmless) {
  Write(state_.guest_root / "a", "1");
  const CommandResult result = Run({"vm", "cp", "web:a", Here("a")});
  EXPECT_THAT(result.err, HasSubstr("left ?[2Jout"));
  state_.guest_warnings = 1000;
  const std::string many = Run({"vm", "cp", "web:a", Here("a")}).err;
  EXPECT_THAT(many, HasSubstr("warning: and 980 more\n"));
  const std::vector<std::string> parts = absl::StrSplit(many, "warning: left ");
  EXPECT_EQ(parts.size(), 21U) << many;
}

TEST_F(VmCpTest, AHostileGuestWritesNowhereElse) {
  Write(Here("victim"), "untouched");
  const std::vector<TarBuilder> tars = {
      TarBuilder().File("victim", "evil"),
      TarBuilder().Directory("d").File("d/../../victim", "evil"),
      TarBuilder().Directory("d").Symlink("d/l", here_.string()).File("d/l/victim", "evil"),
      TarBuilder().Directory("d").Add({.path = "d/h", .type = '1', .link_target = Here("victim")}),
  };
  for (const TarBuilder& tar : tars) {
    state_.hostile_tar = tar.Build();
    const CommandResult result = Run({"vm", "cp", "web:d", Here("d")});
    EXPECT_EQ(result.status.code, 1);
    EXPECT_THAT(result.err, HasSubstr("copy 'web:d' to"));
    EXPECT_THAT(ReadFile(Here("victim")), IsOkAndHolds("untouched"));
    fs::remove_all(Here("d"));
  }
  EXPECT_EQ(std::distance(fs::directory_iterator(here_), fs::directory_iterator()), 1);
}

TEST_F(VmCpTest, ATarWithoutItsEndIsAnError) {
  Write(state_.guest_root / "a", "1");
  state_.no_summary = true;
  const CommandResult result = Run({"vm", "cp", "web:a", Here("a")});
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err, HasSubstr("stopped in the middle"));
}

TEST_F(VmCpTest, AFileThatCannotBeReadEndsItAndIsNamed) {
  // Says that it is empty, and is not.
  const CommandResult result = Run({"vm", "cp", "/proc/self/pagemap", "web:"});
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err, HasSubstr("read '/proc/self/pagemap': it is larger than it says"));
  EXPECT_FALSE(fs::exists(state_.guest_root / "pagemap"));
}

TEST_F(VmCpTest, WhatIsMissingIsNamedAndNothingIsSent) {
  const CommandResult result = Run({"vm", "cp", Here("none"), "web:"});
  EXPECT_EQ(result.status.code, kExitNotFound);
  EXPECT_THAT(result.err, HasSubstr("none'"));
  EXPECT_EQ(state_.Calls("WriteVmTree"), 0);
  EXPECT_EQ(Run({"vm", "cp", "web:none", Here("x")}).status.code, kExitNotFound);
  EXPECT_FALSE(fs::exists(Here("x")));
}

TEST_F(VmCpTest, ExactlyOneSideIsAVm) {
  for (const auto& [from, to] : {std::pair("a", "b"), {"web:a", "old:b"}, {"./a:b", "c"}, {"-", "-"}}) {
    const CommandResult result = Run({"vm", "cp", from, to});
    EXPECT_EQ(result.status.code, kExitUsage) << from;
    EXPECT_THAT(result.err, HasSubstr("exactly one of SRC and DST"));
  }
}

TEST_F(VmCpTest, AnInterruptEndsItWithoutATrace) {
  ASSERT_EQ(::mkfifo(Here("fifo").c_str(), 0600), 0);
  const UniqueFd keep = *OpenFile(Here("fifo"), O_RDWR);
  const std::string tar = TarBuilder().File("a", std::string(2 << 20, 'a')).Build();
  // Before its first byte, and in the middle.
  for (const std::size_t sent : {0U, 10000U}) {
    const int calls = state_.Calls("WriteVmTree");
    Subprocess process = Start({"vm", "cp", "-", "web:new"}, keep.get());
    ASSERT_TRUE(Eventually([&] { return state_.Calls("WriteVmTree") == calls + 1; }));
    ASSERT_OK(WriteFully(keep.get(), tar.substr(0, sent)));
    ASSERT_OK(process.Signal(SIGINT));
    EXPECT_EQ(process.Wait()->code, kExitInterrupted);
    EXPECT_TRUE(state_.WaitFor("write cancelled", calls + 1));
    EXPECT_FALSE(fs::exists(state_.guest_root / "new/a"));
  }
}

class VmCpTerminalTest : public TerminalTest {};

TEST_F(VmCpTerminalTest, NoTarComesFromATerminal) {
  StartInTerminal({"vm", "cp", "-", "web:/srv"});
  EXPECT_TRUE(WaitForScreen("copy '-' to 'web:/srv': stdin is a terminal: give a pipe or a file"));
  EXPECT_EQ(WaitForExit(), kExitUsage);
}

}  // namespace
}  // namespace banger::cli
