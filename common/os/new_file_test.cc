#include "common/os/new_file.h"

#include <sys/stat.h>

#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

class NewFileTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    path_ = dir_.path() / "a";
    ASSERT_OK(WriteFileAtomically(path_, "old"));
  }
  std::ptrdiff_t Files() const { return std::distance(std::filesystem::directory_iterator(dir_.path()), {}); }

  TempDir dir_;
  std::filesystem::path path_;
};

TEST_F(NewFileTest, IsSeenWhenItIsWholeWithExactlyItsMode) {
  const mode_t mask = ::umask(077);
  ASSERT_OK_AND_ASSIGN(NewFile file, NewFile::Create(path_));
  ASSERT_OK(file.Write("new "));
  EXPECT_THAT(ReadFile(path_), IsOkAndHolds("old"));
  ASSERT_OK(file.Write("content"));
  ASSERT_OK(file.Finish(0664));
  ::umask(mask);
  EXPECT_THAT(ReadFile(path_), IsOkAndHolds("new content"));
  struct stat info {};
  ASSERT_EQ(::stat(path_.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0664u);
  EXPECT_EQ(Files(), 1);
}

TEST_F(NewFileTest, LeavesWhatWasThereWhenItIsNotFinished) {
  {
    ASSERT_OK_AND_ASSIGN(NewFile file, NewFile::Create(path_));
    ASSERT_OK(file.Write("new"));
    const NewFile moved = std::move(file);
    EXPECT_EQ(Files(), 2);
  }
  EXPECT_THAT(ReadFile(path_), IsOkAndHolds("old"));
  EXPECT_EQ(Files(), 1);
}

}  // namespace
}  // namespace banger
