#include "common/sync/pause.h"

#include <gtest/gtest.h>

#include <thread>

namespace banger {
namespace {

using namespace std::chrono_literals;

TEST(PauseTest, TheTimePasses) {
  const auto begun = std::chrono::steady_clock::now();
  EXPECT_TRUE(PauseFor(5ms, {}));
  EXPECT_GE(std::chrono::steady_clock::now() - begun, 5ms);
}

TEST(PauseTest, AStopBeforeIsHeard) {
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(PauseFor(24h, stop.get_token()));
}

TEST(PauseTest, AStopMeanwhileIsHeard) {
  std::stop_source stop;
  std::jthread stopper([&stop] { stop.request_stop(); });
  EXPECT_FALSE(PauseFor(24h, stop.get_token()));
}

}  // namespace
}  // namespace banger
