#include "common/os/file.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using ::testing::HasSubstr;

class FileTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }
  std::filesystem::path Path(const char* name) const { return dir_.path() / name; }

  TempDir dir_;
};

TEST_F(FileTest, AWrittenFileReadsBackAndHasItsMode) {
  ASSERT_OK(WriteFileAtomically(Path("a"), "hello", 0640));

  EXPECT_THAT(ReadFile(Path("a")), IsOkAndHolds("hello"));
  struct stat info {};
  ASSERT_EQ(::stat(Path("a").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0640u);
}

TEST_F(FileTest, AFailedWriteLeavesTheOldContentAndNoTemporary) {
  ASSERT_OK(MakeDirectories(Path("a")));
  ASSERT_OK(WriteFileAtomically(Path("a") / "inner", "x"));

  EXPECT_THAT(WriteFileAtomically(Path("a"), "hello"), ::testing::Not(IsOk()));
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(dir_.path()), {}), 1);
}

TEST_F(FileTest, ErrorsNameThePath) {
  EXPECT_THAT(ReadFile(Path("none")), StatusIs(absl::StatusCode::kNotFound, HasSubstr("none")));
}

TEST_F(FileTest, ReadFileRefusesWhatIsTooLarge) {
  ASSERT_OK(WriteFileAtomically(Path("a"), std::string(1000, 'x')));
  EXPECT_THAT(ReadFile(Path("a"), 999), StatusIs(absl::StatusCode::kOutOfRange, HasSubstr("999")));
  EXPECT_THAT(ReadFile(Path("a"), 1000), IsOk());
}

TEST_F(FileTest, MakeDirectoriesRefusesAFileInTheWay) {
  ASSERT_OK(WriteFileAtomically(Path("a"), "x"));
  EXPECT_THAT(MakeDirectories(Path("a")), ::testing::Not(IsOk()));
  EXPECT_THAT(MakeDirectories(Path("b/c/d")), IsOk());
  EXPECT_THAT(MakeDirectories(Path("b/c/d")), IsOk());
}

// From tmpfs to where TMPDIR is: copy_file_range refuses that on many kernels.
TEST_F(FileTest, CloneFileWorksBetweenFileSystems) {
  ASSERT_OK_AND_ASSIGN(const TempDir memory, TempDir::Create("/dev/shm"));
  const std::string content = "start" + std::string(1 << 20, '\0') + "end";
  ASSERT_OK(WriteFileAtomically(memory.path() / "a", content));
  ASSERT_OK(CloneFile(memory.path() / "a", Path("b")));
  EXPECT_THAT(ReadFile(Path("b")), IsOkAndHolds(content));
}

TEST_F(FileTest, CloneFileKeepsContentSizeAndHoles) {
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd fd, OpenFile(Path("a"), O_WRONLY | O_CREAT));
    ASSERT_OK(WriteFully(fd.get(), "start"));
    ASSERT_EQ(::pwrite(fd.get(), "middle", 6, 32 << 20), 6);
    ASSERT_EQ(::ftruncate(fd.get(), 64 << 20), 0);
  }
  ASSERT_OK(CloneFile(Path("a"), Path("b")));

  EXPECT_EQ(std::filesystem::file_size(Path("b")), 64u << 20);
  EXPECT_THAT(DiskUsage(Path("b")), IsOkAndHolds(::testing::Lt(1 << 20)));
  ASSERT_OK_AND_ASSIGN(const std::string copy, ReadFile(Path("b"), 65 << 20));
  EXPECT_EQ(copy.substr(32 << 20, 6), "middle");
  EXPECT_THAT(CloneFile(Path("a"), Path("b")), StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(FileTest, RemoveTreeIsFineWithNothing) {
  EXPECT_OK(RemoveTree(Path("none")));
  ASSERT_OK(MakeDirectories(Path("b/c")));
  EXPECT_OK(RemoveTree(Path("b")));
  EXPECT_FALSE(std::filesystem::exists(Path("b")));
}

}  // namespace
}  // namespace banger
