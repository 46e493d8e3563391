#include "common/os/process.h"

#include <signal.h>

#include "common/os/subprocess.h"
#include "common/testing/status_matchers.h"

namespace banger {
namespace {

using namespace std::chrono_literals;

TEST(ProcessTest, AnIdentityOpensItsProcessUntilItEnds) {
  ASSERT_OK_AND_ASSIGN(Subprocess child, Subprocess::Start({.argv = {"sleep", "100"}}));
  ASSERT_OK_AND_ASSIGN(const ProcessIdentity identity, IdentifyProcess(child.pid()));
  ASSERT_OK_AND_ASSIGN(const UniqueFd pidfd, OpenProcess(identity));
  EXPECT_FALSE(WaitForProcessEnd(pidfd.get(), 1ms));

  ASSERT_OK(SignalProcess(pidfd.get(), SIGKILL));
  EXPECT_TRUE(WaitForProcessEnd(pidfd.get(), 10s));

  // A zombie counts as gone.
  EXPECT_THAT(OpenProcess(identity), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_OK(child.Wait());
  EXPECT_THAT(OpenProcess(identity), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ProcessTest, AReusedNumberIsNotTheProcess) {
  ASSERT_OK_AND_ASSIGN(Subprocess child, Subprocess::Start({.argv = {"sleep", "100"}}));
  ASSERT_OK_AND_ASSIGN(ProcessIdentity identity, IdentifyProcess(child.pid()));
  identity.start_ticks -= 1;
  EXPECT_THAT(OpenProcess(identity), StatusIs(absl::StatusCode::kNotFound));
}

TEST(ProcessTest, AWaitEndsWhenStopped) {
  ASSERT_OK_AND_ASSIGN(Subprocess child, Subprocess::Start({.argv = {"sleep", "100"}}));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_FALSE(WaitForProcessEnd(child.pidfd(), 100s, stop.get_token()));
}

}  // namespace
}  // namespace banger
