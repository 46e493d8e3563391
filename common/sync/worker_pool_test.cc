#include "common/sync/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>

#include "common/testing/countdown.h"

namespace banger {
namespace {

TEST(WorkerPoolTest, TheDestructorFinishesWhatIsQueued) {
  std::atomic<int> done = 0;
  {
    WorkerPool pool(2, 100);
    for (int i = 0; i < 100; ++i) ASSERT_TRUE(pool.Submit([&done] { ++done; }));
  }
  EXPECT_EQ(done, 100);
}

TEST(WorkerPoolTest, BlockingJobsRunAtTheSameTime) {
  Countdown all_there(4);
  WorkerPool pool(4, 0);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(pool.Submit([&all_there] { all_there.CountDownAndWait(); }));
}

TEST(WorkerPoolTest, AFullPoolRefuses) {
  Countdown release(1);
  WorkerPool pool(1, 1);
  Countdown started(1);
  ASSERT_TRUE(pool.Submit([&] {
    started.CountDown();
    release.Wait();
  }));
  started.Wait();
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_FALSE(pool.Submit([] {}));
  release.CountDown();
}

}  // namespace
}  // namespace banger
