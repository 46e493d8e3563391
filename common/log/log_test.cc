#include "common/log/log.h"

#include "common/testing/status_matchers.h"

namespace banger::log {
namespace {

TEST(LogTest, FieldsFollowTheMessage) {
  EXPECT_EQ(FormatLine("vm started", {{"vm", "web"}, {"boot_ms", "118"}}, "r1"),
            "vm started vm=web boot_ms=118 request=r1");
}

TEST(LogTest, AHostileValueCannotForgeALine) {
  EXPECT_EQ(FormatLine("seen", {{"name", "a\nerror: b\" x=1"}}, ""), R"(seen name="a\nerror: b\" x=1")");
  EXPECT_EQ(FormatLine("seen", {{"name", ""}}, ""), R"(seen name="")");
}

TEST(LogTest, RequestIdsNestInAThread) {
  EXPECT_EQ(CurrentRequestId(), "");
  {
    const ScopedRequestId outer("a");
    {
      const ScopedRequestId inner("b");
      EXPECT_EQ(CurrentRequestId(), "b");
    }
    EXPECT_EQ(CurrentRequestId(), "a");
  }
  EXPECT_EQ(CurrentRequestId(), "");
}

TEST(LogTest, AnUnknownLevelIsRefusedByName) {
  EXPECT_THAT(Init("test", "loud"),
              StatusIs(absl::StatusCode::kInvalidArgument, ::testing::HasSubstr("'loud'")));
}

}  // namespace
}  // namespace banger::log
