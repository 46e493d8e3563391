#include "common/sync/keyed_lock.h"

#include <optional>
#include <thread>

#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(KeyedLockTest, TheSameNameWaitsAndOthersDoNot) {
  std::stop_source stopped;
  stopped.request_stop();
  const std::stop_token now = stopped.get_token();
  KeyedLock locks;
  std::optional<absl::StatusOr<KeyedLock::Hold>> a = locks.Acquire("a", now);
  ASSERT_OK(*a);
  EXPECT_THAT(locks.Acquire("a", now), StatusIs(absl::StatusCode::kCancelled));
  EXPECT_OK(locks.Acquire("b", now));

  std::jthread waiter([&locks] { EXPECT_OK(locks.Acquire("a", {})); });
  a.reset();
  waiter.join();
  EXPECT_OK(locks.Acquire("a", now));
}

TEST(KeyedLockTest, AStoppedWaitIsCancelled) {
  KeyedLock locks;
  ASSERT_OK_AND_ASSIGN(const KeyedLock::Hold held, locks.Acquire("a", {}));
  std::stop_source stop;
  std::jthread stopper([&stop] { stop.request_stop(); });
  EXPECT_THAT(locks.Acquire("a", stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger
