#include "services/kerneld/adapters/tree_extractor.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "common/archive/tar_builder.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/testing/status_matchers.h"

namespace banger::kerneld {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class TreeExtractorTest : public ::testing::Test {
 protected:
  TreeExtractorTest() { fs::create_directories(root_); }

  absl::StatusOr<std::vector<std::string>> Extract(const TarBuilder& tar,
                                                   const PathFilter& wanted = Everything,
                                                   const std::stop_token& stop = {}) {
    const std::string bytes = tar.Build();
    MemorySource source(bytes);
    BANGER_ASSIGN_OR_RETURN(ArchiveReader reader, ArchiveReader::OpenTar(source));
    return ExtractTree(reader, root_, wanted, stop);
  }
  static bool Everything(absl::string_view) { return true; }

  // Nothing but the root itself is in the directory around it.
  bool OutsideIsClean() const {
    return std::distance(fs::directory_iterator(dir_->path()), fs::directory_iterator()) == 1;
  }
  static auto Refused(const std::string& why) {
    return StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why));
  }

  const absl::StatusOr<TempDir> dir_ = TempDir::Create();
  const fs::path root_ = dir_->path() / "root";
};

TEST_F(TreeExtractorTest, UnpacksFilesDirectoriesAndSymlinks) {
  ASSERT_OK_AND_ASSIGN(const auto files, Extract(TarBuilder()
                                                     .Directory("./")
                                                     .Directory("./empty/")
                                                     .File("./boot/a", "A", 0600)
                                                     .File("deep/er/b", "B", 06755)
                                                     .Symlink("deep/l", "../boot/a")
                                                     .Symlink("abs", "/etc/passwd")));
  EXPECT_THAT(files, ElementsAre("boot/a", "deep/er/b"));
  EXPECT_THAT(ReadFile(root_ / "boot/a"), IsOkAndHolds("A"));
  EXPECT_EQ(fs::read_symlink(root_ / "deep/l"), "../boot/a");
  EXPECT_EQ(fs::read_symlink(root_ / "abs"), "/etc/passwd");
  EXPECT_TRUE(fs::is_directory(root_ / "empty"));
  struct stat info {};
  ASSERT_EQ(::stat((root_ / "deep/er/b").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07000U, 0U) << "setuid is not kept";
}

TEST_F(TreeExtractorTest, TakesOnlyWhatIsWanted) {
  const auto boot = [](absl::string_view path) { return path == "boot/a"; };
  EXPECT_THAT(Extract(TarBuilder().File("boot/a", "").File("etc/b", ""), boot),
              IsOkAndHolds(ElementsAre("boot/a")));
  EXPECT_FALSE(fs::exists(root_ / "etc"));
}

TEST_F(TreeExtractorTest, TheLastOfTwoMembersCounts) {
  EXPECT_THAT(Extract(TarBuilder().File("a", "long").File("./a", "2")), IsOkAndHolds(ElementsAre("a")));
  EXPECT_THAT(ReadFile(root_ / "a"), IsOkAndHolds("2"));
  EXPECT_THAT(Extract(TarBuilder().File("b", "").Symlink("b", "a")), IsOkAndHolds(ElementsAre()));
}

TEST_F(TreeExtractorTest, RefusesNamesThatLeaveTheRoot) {
  EXPECT_THAT(Extract(TarBuilder().File("../evil", "x")), Refused("'../evil'"));
  EXPECT_THAT(Extract(TarBuilder().File("a/../../evil", "x")), Refused("'a/../../evil'"));
  EXPECT_THAT(Extract(TarBuilder().File("/evil", "x")), Refused("'/evil'"));
  EXPECT_THAT(Extract(TarBuilder().Pax("path", "../evil").File("fine", "x")), Refused("'../evil'"));
  EXPECT_THAT(Extract(TarBuilder().File(std::string(300, 'n'), "x")), Refused("255"));
  EXPECT_THAT(Extract(TarBuilder().Symlink("l", "../..")), Refused("'l'"));
  EXPECT_TRUE(OutsideIsClean());
}

TEST_F(TreeExtractorTest, NeverWritesThroughASymlink) {
  const std::string outside = dir_->path().string();
  EXPECT_THAT(Extract(TarBuilder().Symlink("l", outside).File("l/evil", "x")), Refused("'l/evil'"));
  EXPECT_THAT(Extract(TarBuilder().Symlink("m", outside).Directory("m/evil/")), Refused("'m/evil'"));
  EXPECT_THAT(Extract(TarBuilder().Symlink("n", outside).Symlink("n/evil", "x")), Refused("'n/evil'"));
  // A file that replaces a symlink replaces the link, not what it points to.
  EXPECT_OK(Extract(TarBuilder().Symlink("o", outside + "/evil").File("o", "x")));
  EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(root_ / "o")));
  EXPECT_TRUE(OutsideIsClean());
}

TEST_F(TreeExtractorTest, RefusesChainsOfSymlinksThatLeaveTheRootTogether) {
  // Each of them alone seems to stay inside.
  EXPECT_THAT(Extract(TarBuilder()
                          .Symlink("deep/er/up", "..")
                          .Symlink("deep/upper", "er/up/..")
                          .Symlink("out", "deep/upper/../..")),
              Refused("'deep/upper'"));
}

TEST_F(TreeExtractorTest, NamesAreBytes) {
  EXPECT_THAT(Extract(TarBuilder().File("caf\xe9\xff", "x")), IsOkAndHolds(ElementsAre("caf\xe9\xff")));
  EXPECT_THAT(ReadFile(root_ / "caf\xe9\xff"), IsOkAndHolds("x"));
  // What stands behind a NUL is no part of a name for anybody.
  EXPECT_THAT(Extract(TarBuilder().Pax("path", absl::string_view("a\0/../../evil", 13)).File("b", "x")),
              ::testing::AnyOf(IsOkAndHolds(ElementsAre("a")), ::testing::Not(IsOk())));
  EXPECT_TRUE(OutsideIsClean());
}

TEST_F(TreeExtractorTest, AStopEndsAlsoAMemberThatUnpacksToGigabytes) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(Extract(TarBuilder().File("a", "x"), Everything, stop.get_token()),
              StatusIs(absl::StatusCode::kCancelled));
}

TEST_F(TreeExtractorTest, ADirectoryIsNotReplacedBySomethingElse) {
  EXPECT_THAT(Extract(TarBuilder().File("d/a", "").Symlink("d", "/")), Refused("'d'"));
  EXPECT_THAT(Extract(TarBuilder().File("e", "").File("e/a", "")), Refused("'e/a'"));
}

TEST_F(TreeExtractorTest, SkipsHardLinksDevicesAndFifos) {
  const TarBuilder tar = TarBuilder()
                             .Add({.path = "hard", .type = '1', .link_target = "/etc/shadow"})
                             .Add({.path = "null", .type = '3', .device_major = 1, .device_minor = 3})
                             .Add({.path = "disk", .type = '4', .device_major = 8})
                             .Add({.path = "fifo", .type = '6'})
                             .File("a", "");
  EXPECT_THAT(Extract(tar), IsOkAndHolds(ElementsAre("a")));
  for (const char* name : {"hard", "null", "disk", "fifo"})
    EXPECT_FALSE(fs::exists(fs::symlink_status(root_ / name))) << name;
}

TEST_F(TreeExtractorTest, DeepNestingIsRefused) {
  std::string deep;
  for (int i = 0; i < 63; ++i) deep += "d/";
  EXPECT_OK(Extract(TarBuilder().File(deep + "f", "x")));
  EXPECT_THAT(Extract(TarBuilder().File(deep + "d/f", "x")), Refused("too deep"));
}

}  // namespace
}  // namespace banger::kerneld
