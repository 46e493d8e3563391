#include "common/os/file_lock.h"

#include <atomic>
#include <thread>
#include <vector>

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

TEST(FileLockTest, WhoCanWaitGetsItAfterTheOther) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::filesystem::path path = dir.path() / "lock";
  std::atomic<int> holders = 0;
  std::atomic<int> turns = 0;
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 100; ++k) {
        const auto lock = FileLock::AcquireSoon(path);
        if (lock.ok() && ++holders == 1) ++turns;
        --holders;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(turns, 800);
}

TEST(FileLockTest, NobodyWaitsForEverForOneWhoKeepsIt) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::filesystem::path path = dir.path() / "lock";
  ASSERT_OK_AND_ASSIGN(const FileLock kept, FileLock::Acquire(path));
  EXPECT_THAT(FileLock::AcquireSoon(path, std::chrono::milliseconds(20)),
              StatusIs(absl::StatusCode::kUnavailable, ::testing::HasSubstr(path.string())));
}

}  // namespace
}  // namespace banger
