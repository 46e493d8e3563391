#include "common/rpc/daemon_flags.h"

#include "common/testing/status_matchers.h"

namespace banger::rpc {
namespace {

using ::testing::HasSubstr;

TEST(DaemonFlagsTest, BothFormsOfAValueAreRead) {
  ASSERT_OK_AND_ASSIGN(
      const DaemonFlags flags,
      ParseDaemonFlags({"--log-level", "debug", "--client-uid=7", "--check-config"}, {"--client-uid"}));
  EXPECT_EQ(flags.log_level, "debug");
  EXPECT_EQ(flags.own.at("--client-uid"), "7");
  EXPECT_TRUE(flags.check_config);
}

TEST(DaemonFlagsTest, WhatIsWrongIsNamed) {
  EXPECT_THAT(ParseDaemonFlags({"--colour"}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("--colour")));
  EXPECT_THAT(ParseDaemonFlags({"--log-level"}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("needs a value")));
  EXPECT_THAT(ParseDaemonFlags({"stray"}, {}),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("stray")));
}

}  // namespace
}  // namespace banger::rpc
