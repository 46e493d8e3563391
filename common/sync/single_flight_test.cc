#include "common/sync/single_flight.h"

#include <atomic>
#include <chrono>

#include "common/testing/countdown.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(SingleFlightTest, CallersAtTheSameTimeShareOneResult) {
  SingleFlight<int> flights;
  std::atomic<int> runs = 0;
  Countdown release(1);
  const auto work = [&](const std::stop_token&) -> absl::StatusOr<int> {
    release.Wait();
    return ++runs;
  };
  std::vector<std::jthread> callers;
  Countdown started(4);
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      started.CountDown();
      EXPECT_THAT(flights.Do("key", {}, work), IsOkAndHolds(::testing::Ge(1)));
    });
  started.Wait();
  release.CountDown();
  callers.clear();
  EXPECT_LE(runs, 4);
}

TEST(SingleFlightTest, OneCancelledCallerDoesNotStopTheOthers) {
  SingleFlight<int> flights;
  Countdown working(1);
  Countdown release(1);
  const auto work = [&](const std::stop_token& stop) -> absl::StatusOr<int> {
    working.CountDown();
    release.Wait();
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    return 42;
  };
  std::jthread patient([&] { EXPECT_THAT(flights.Do("key", {}, work), IsOkAndHolds(42)); });
  working.Wait();
  std::stop_source hurry;
  hurry.request_stop();
  EXPECT_THAT(flights.Do("key", hurry.get_token(), work), StatusIs(absl::StatusCode::kCancelled));
  release.CountDown();
}

TEST(SingleFlightTest, ACallersDeadlineIsItsOwn) {
  SingleFlight<int> flights;
  Countdown working(1);
  Countdown release(1);
  const auto work = [&](const std::stop_token& stop) -> absl::StatusOr<int> {
    working.CountDown();
    release.Wait();
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    return 42;
  };
  std::jthread patient([&] { EXPECT_THAT(flights.Do("key", {}, work), IsOkAndHolds(42)); });
  working.Wait();
  EXPECT_THAT(flights.Do("key", {}, work, std::chrono::steady_clock::now()),
              StatusIs(absl::StatusCode::kDeadlineExceeded));
  release.CountDown();
}

TEST(SingleFlightTest, TheLastCallerToLeaveStopsTheWork) {
  SingleFlight<int> flights;
  std::stop_source stop;
  Countdown stopped(1);
  std::jthread stopper([&stop] { stop.request_stop(); });
  EXPECT_THAT(flights.Do("key", stop.get_token(),
                         [&stopped](const std::stop_token& work_stop) -> absl::StatusOr<int> {
                           const std::stop_callback on_stop(work_stop, [&stopped] { stopped.CountDown(); });
                           stopped.Wait();
                           return absl::CancelledError("stopped");
                         }),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger
