#include "services/agent/core/exec_defaults.h"

#include "common/testing/status_matchers.h"

namespace banger::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(ExecDefaultsTest, TheEntrypointTakesTheImagesArgumentsOrOurs) {
  const ExecDefaults image{.entrypoint = {"/app", "--serve"}, .cmd = {"--port", "80"}};
  EXPECT_THAT(EntrypointWith({}, image), IsOkAndHolds(ElementsAre("/app", "--serve", "--port", "80")));
  EXPECT_THAT(EntrypointWith({"--help"}, image), IsOkAndHolds(ElementsAre("/app", "--serve", "--help")));
}

TEST(ExecDefaultsTest, OneOfThemIsEnough) {
  EXPECT_THAT(EntrypointWith({}, {.entrypoint = {"/app"}}), IsOkAndHolds(ElementsAre("/app")));
  EXPECT_THAT(EntrypointWith({}, {.cmd = {"sh", "-l"}}), IsOkAndHolds(ElementsAre("sh", "-l")));
  EXPECT_THAT(EntrypointWith({"ls"}, {.cmd = {"sh", "-l"}}), IsOkAndHolds(ElementsAre("ls")));
}

TEST(ExecDefaultsTest, WhatCannotBeRunIsNamed) {
  EXPECT_THAT(EntrypointWith({"ls"}, {}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("no Cmd either")));
  EXPECT_THAT(EntrypointWith({}, {.entrypoint = {"", "x"}}),
              StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("name is empty")));
}

}  // namespace
}  // namespace banger::agent
