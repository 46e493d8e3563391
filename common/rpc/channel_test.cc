#include "common/rpc/channel.h"

#include "common/testing/status_matchers.h"

namespace banger::rpc {
namespace {

TEST(RetryUnavailableTest, OnlyUnavailableIsTriedAgain) {
  int attempts = 0;
  EXPECT_THAT(RetryUnavailable({}, [&] { return ++attempts, absl::UnavailableError("gone"); }),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(attempts, 4);
  attempts = 0;
  EXPECT_THAT(RetryUnavailable({}, [&] { return ++attempts, absl::NotFoundError("none"); }),
              StatusIs(absl::StatusCode::kNotFound));
  EXPECT_EQ(attempts, 1);
}

TEST(RetryUnavailableTest, AStopEndsTheRetries) {
  std::stop_source stop;
  int attempts = 0;
  EXPECT_THAT(RetryUnavailable(stop.get_token(),
                               [&] {
                                 ++attempts;
                                 stop.request_stop();
                                 return absl::UnavailableError("gone");
                               }),
              StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_EQ(attempts, 1);
}

}  // namespace
}  // namespace banger::rpc
