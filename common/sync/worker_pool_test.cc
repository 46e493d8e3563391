#include "common/sync/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>

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
  std::latch all_there(4);
  WorkerPool pool(4, 0);
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(pool.Submit([&all_there] { all_there.arrive_and_wait(); }));
}

TEST(WorkerPoolTest, AFullPoolRefuses) {
  std::latch release(1);
  WorkerPool pool(1, 1);
  std::latch started(1);
  ASSERT_TRUE(pool.Submit([&] {
    started.count_down();
    release.wait();
  }));
  started.wait();
  EXPECT_TRUE(pool.Submit([] {}));
  EXPECT_FALSE(pool.Submit([] {}));
  release.count_down();
}

}  // namespace
}  // namespace banger
