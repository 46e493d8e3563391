#include "common/config/paths.h"

#include <cstdlib>

#include "common/testing/status_matchers.h"

namespace banger {
namespace {

TEST(PathsTest, RootMovesEverything) {
  ::setenv("BANGER_ROOT", "/some/root", 1);
  ASSERT_OK_AND_ASSIGN(const Paths paths, FindPaths());
  ::unsetenv("BANGER_ROOT");

  EXPECT_THAT(paths.config_files, ::testing::ElementsAre("/some/root/config.toml"));
  EXPECT_EQ(paths.kernels_dir(), "/some/root/state/kernels");
  EXPECT_EQ(paths.Socket("vmd"), "/some/root/run/vmd.sock");
  EXPECT_EQ(paths.Socket("netd"), "/some/root/netd/netd.sock");
}

TEST(PathsTest, ARelativeRootIsRefusedByName) {
  ::setenv("BANGER_ROOT", "some/root", 1);
  EXPECT_THAT(FindPaths(), StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("some/root")));
  ::unsetenv("BANGER_ROOT");
}

TEST(PathsTest, WhatTheCliKeepsIsItsUsersOwn) {
  ::setenv("BANGER_ROOT", "/some/root", 1);
  EXPECT_THAT(FindClientDir(), IsOkAndHolds("/some/root/client"));
  ::unsetenv("BANGER_ROOT");
  ::setenv("XDG_STATE_HOME", "/some/state", 1);
  EXPECT_THAT(FindClientDir(), IsOkAndHolds("/some/state/banger"));
  ::unsetenv("XDG_STATE_HOME");
}

TEST(PathsTest, ASocketInTheEnvironmentWins) {
  ::setenv("BANGER_SOCKET", "/x/y.sock", 1);
  EXPECT_THAT(FindGatewaySocket(), IsOkAndHolds("/x/y.sock"));
  ::unsetenv("BANGER_SOCKET");
}

}  // namespace
}  // namespace banger
