#include "services/agent/core/user_database.h"

#include "common/testing/status_matchers.h"

namespace banger::agent {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kPasswd[] =
    "root:x:0:0:root:/root:/bin/bash\n"
    "broken line\n"
    "dev:x:1000:1001:Dev,,,:/home/dev:\n"
    "bad:x:99999999999:0::/:/bin/sh\n"
    "minus:x:4294967295:0::/:/bin/sh\n";
constexpr char kGroup[] =
    "root:x:0:\n"
    "docker:x:44:other,dev\n"
    "sudo:x:27:dev\n"
    "dev:x:1001:\n"
    "huge:x:4294967296:dev\n";

TEST(UserDatabaseTest, NobodyNamedIsRoot) {
  ASSERT_OK_AND_ASSIGN(const User user, ResolveUser("", kPasswd, kGroup));
  EXPECT_EQ(user.uid, 0U);
  EXPECT_EQ(user.home, "/root");
  EXPECT_EQ(user.shell, "/bin/bash");
}

TEST(UserDatabaseTest, ANameBringsItsGroupsAndASensibleShell) {
  ASSERT_OK_AND_ASSIGN(const User user, ResolveUser("dev", kPasswd, kGroup));
  EXPECT_EQ(user.uid, 1000U);
  EXPECT_EQ(user.gid, 1001U);
  EXPECT_THAT(user.supplementary, ElementsAre(44, 27));
  EXPECT_EQ(user.home, "/home/dev");
  EXPECT_EQ(user.shell, "/bin/sh");
}

TEST(UserDatabaseTest, ANumberWithAnEntryIsThatUser) {
  ASSERT_OK_AND_ASSIGN(const User user, ResolveUser("1000", kPasswd, kGroup));
  EXPECT_EQ(user.name, "dev");
  EXPECT_THAT(user.supplementary, ElementsAre(44, 27));
}

TEST(UserDatabaseTest, ANumberNeedsNoEntry) {
  ASSERT_OK_AND_ASSIGN(const User user, ResolveUser("4242:17", "", ""));
  EXPECT_EQ(user.uid, 4242U);
  EXPECT_EQ(user.gid, 17U);
  EXPECT_EQ(user.home, "/");
}

TEST(UserDatabaseTest, AnExplicitGroupReplacesAllOthers) {
  ASSERT_OK_AND_ASSIGN(const User user, ResolveUser("dev:docker", kPasswd, kGroup));
  EXPECT_EQ(user.gid, 44U);
  EXPECT_THAT(user.supplementary, IsEmpty());
}

TEST(UserDatabaseTest, WhatIsNotThereIsNamed) {
  EXPECT_THAT(ResolveUser("ghost", kPasswd, kGroup),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'ghost'")));
  EXPECT_THAT(ResolveUser("dev:ghosts", kPasswd, kGroup),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("'ghosts'")));
  EXPECT_THAT(ResolveUser(":docker", kPasswd, kGroup), StatusIs(absl::StatusCode::kInvalidArgument));
  EXPECT_THAT(ResolveUser("dev:", kPasswd, kGroup), StatusIs(absl::StatusCode::kNotFound));
}

TEST(UserDatabaseTest, NumbersThatMeanSomethingElseToTheKernelAreRefused) {
  for (const char* spec : {"bad", "minus", "4294967295", "-1", "+1", "0:4294967295", "0:huge", "99999999999"})
    EXPECT_THAT(ResolveUser(spec, kPasswd, kGroup), StatusIs(absl::StatusCode::kNotFound)) << spec;
}

}  // namespace
}  // namespace banger::agent
