#include "common/rpc/wakeful_pollers.h"

#include <gtest/gtest.h>

#include "common/testing/eventually.h"

namespace banger::rpc {
namespace {

TEST(WakefulPollersTest, ThereAreCallbacksThoughNobodyCalls) {
  const WakefulPollers pollers;
  EXPECT_TRUE(Eventually([&] { return pollers.callbacks() >= 3; }));
}

TEST(WakefulPollersTest, TheirEndWaitsForNoAlarm) {
  for (int i = 0; i < 100; ++i) WakefulPollers();
}

}  // namespace
}  // namespace banger::rpc
