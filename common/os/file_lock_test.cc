#include "common/os/file_lock.h"

#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(FileLockTest, ASecondHolderIsRefusedUntilTheFirstIsGone) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::filesystem::path path = dir.path() / "lock";
  {
    ASSERT_OK_AND_ASSIGN(const FileLock first, FileLock::Acquire(path));
    EXPECT_THAT(FileLock::Acquire(path),
                StatusIs(absl::StatusCode::kFailedPrecondition, ::testing::HasSubstr(path.string())));
  }
  EXPECT_OK(FileLock::Acquire(path));
}

}  // namespace
}  // namespace banger
