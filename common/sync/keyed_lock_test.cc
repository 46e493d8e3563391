#include "common/sync/keyed_lock.h"

#include <thread>

#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(KeyedLockTest, TheSameNameWaitsAndOthersDoNot) {
  KeyedLock locks;
  std::optional<KeyedLock::Hold> a = locks.TryAcquire("a");
  ASSERT_TRUE(a.has_value());
  EXPECT_FALSE(locks.TryAcquire("a").has_value());
  EXPECT_TRUE(locks.TryAcquire("b").has_value());

  std::jthread waiter([&locks] { EXPECT_THAT(locks.Acquire("a", {}), IsOk()); });
  a.reset();
  waiter.join();
  EXPECT_TRUE(locks.TryAcquire("a").has_value());
}

TEST(KeyedLockTest, AStoppedWaitIsCancelled) {
  KeyedLock locks;
  const std::optional<KeyedLock::Hold> held = locks.TryAcquire("a");
  std::stop_source stop;
  std::jthread stopper([&stop] { stop.request_stop(); });
  EXPECT_THAT(locks.Acquire("a", stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger
