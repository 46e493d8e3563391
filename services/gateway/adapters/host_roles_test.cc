#include "services/gateway/adapters/host_roles.h"

#include <unistd.h>

#include "common/testing/status_matchers.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;

TEST(HostRolesTest, UsersAndGroupsGoByNameOrNumber) {
  GatewayConfig config;
  config.viewers = {"nobody", "@4711"};
  config.operators = {"4712", "@root"};
  config.others = "none";
  ASSERT_OK_AND_ASSIGN(const SocketRoles roles, FindSocketRoles(config));
  EXPECT_EQ(RoleAtSocket(roles, 65534, {}), Role::kViewer);
  EXPECT_EQ(RoleAtSocket(roles, 4000, {4711}), Role::kViewer);
  EXPECT_EQ(RoleAtSocket(roles, 4712, {4711}), Role::kOperator);
  EXPECT_EQ(RoleAtSocket(roles, 4000, {0}), Role::kOperator);
  EXPECT_EQ(RoleAtSocket(roles, 4000, {}), Role::kNone);
}

TEST(HostRolesTest, WhoeverHasTwoRolesHasTheHigher) {
  GatewayConfig config;
  config.admins = {"4712"};
  config.viewers = {"4712"};
  ASSERT_OK_AND_ASSIGN(const SocketRoles roles, FindSocketRoles(config));
  EXPECT_EQ(RoleAtSocket(roles, 4712, {}), Role::kAdmin);
}

TEST(HostRolesTest, RootAndTheGatewaysOwnUserAreNeverLockedOut) {
  GatewayConfig config;
  config.others = "none";
  config.viewers = {"root"};
  ASSERT_OK_AND_ASSIGN(const SocketRoles roles, FindSocketRoles(config));
  EXPECT_EQ(RoleAtSocket(roles, 0, {}), Role::kAdmin);
  EXPECT_EQ(RoleAtSocket(roles, ::geteuid(), {}), Role::kAdmin);
}

TEST(HostRolesTest, AnUnknownNameIsAnErrorWithItsKey) {
  GatewayConfig config;
  config.operators = {"no-such-user"};
  EXPECT_THAT(FindSocketRoles(config).status(),
              StatusIs(absl::StatusCode::kNotFound,
                       HasSubstr("gateway.operators in the configuration: there is no user 'no-such-user'")));
  config.operators = {"@no-such-group"};
  EXPECT_THAT(FindSocketRoles(config).status(),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("no group 'no-such-group'")));
}

}  // namespace
}  // namespace banger::gateway
