#include "common/sync/single_flight.h"

#include <atomic>
#include <latch>

#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(SingleFlightTest, CallersAtTheSameTimeShareOneResult) {
  SingleFlight<int> flights;
  std::atomic<int> runs = 0;
  std::latch release(1);
  const auto work = [&](const std::stop_token&) -> absl::StatusOr<int> {
    release.wait();
    return ++runs;
  };
  std::vector<std::jthread> callers;
  std::latch started(4);
  for (int i = 0; i < 4; ++i)
    callers.emplace_back([&] {
      started.count_down();
      EXPECT_THAT(flights.Do("key", {}, work), IsOkAndHolds(::testing::Ge(1)));
    });
  started.wait();
  release.count_down();
  callers.clear();
  EXPECT_LE(runs, 4);
}

TEST(SingleFlightTest, OneCancelledCallerDoesNotStopTheOthers) {
  SingleFlight<int> flights;
  std::latch working(1);
  std::latch release(1);
  const auto work = [&](const std::stop_token& stop) -> absl::StatusOr<int> {
    working.count_down();
    release.wait();
    if (stop.stop_requested()) return absl::CancelledError("stopped");
    return 42;
  };
  std::jthread patient([&] { EXPECT_THAT(flights.Do("key", {}, work), IsOkAndHolds(42)); });
  working.wait();
  std::stop_source hurry;
  hurry.request_stop();
  EXPECT_THAT(flights.Do("key", hurry.get_token(), work), StatusIs(absl::StatusCode::kCancelled));
  release.count_down();
}

TEST(SingleFlightTest, TheLastCallerToLeaveStopsTheWork) {
  SingleFlight<int> flights;
  std::stop_source stop;
  std::latch stopped(1);
  std::jthread stopper([&stop] { stop.request_stop(); });
  EXPECT_THAT(flights.Do("key", stop.get_token(),
                         [&stopped](const std::stop_token& work_stop) -> absl::StatusOr<int> {
                           const std::stop_callback on_stop(work_stop, [&stopped] { stopped.count_down(); });
                           stopped.wait();
                           return absl::CancelledError("stopped");
                         }),
              StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger
