#include "services/gateway/core/socket_roles.h"

#include <gtest/gtest.h>

namespace banger::gateway {
namespace {

TEST(SocketRolesTest, TheHighestRoleOfUserAndGroupsCounts) {
  const SocketRoles roles{.users = {{1000, Role::kViewer}},
                          .groups = {{50, Role::kOperator}, {60, Role::kAdmin}},
                          .others = Role::kNone};
  EXPECT_EQ(RoleAtSocket(roles, 1000, {}), Role::kViewer);
  EXPECT_EQ(RoleAtSocket(roles, 1000, {7, 50}), Role::kOperator);
  EXPECT_EQ(RoleAtSocket(roles, 1001, {60, 50}), Role::kAdmin);
}

TEST(SocketRolesTest, OthersAreThoseThatNothingNames) {
  SocketRoles roles{.users = {{1000, Role::kViewer}}, .groups = {}, .others = Role::kAdmin};
  EXPECT_EQ(RoleAtSocket(roles, 1001, {1000}), Role::kAdmin);
  EXPECT_EQ(RoleAtSocket(roles, 1000, {1000}), Role::kViewer);
  roles.others = Role::kNone;
  EXPECT_EQ(RoleAtSocket(roles, 1001, {1000}), Role::kNone);
}

}  // namespace
}  // namespace banger::gateway
