// The roles of those who come by the Unix socket.
#pragma once

#include <sys/types.h>

#include <map>
#include <vector>

#include "services/gateway/core/role.h"

namespace banger::gateway {

struct SocketRoles {
  // Of these users and groups; each at most once.
  std::map<uid_t, Role> users;
  std::map<gid_t, Role> groups;
  // Of everybody who is in neither.
  Role others = Role::kAdmin;
};

// The highest that the user and its groups have.
Role RoleAtSocket(const SocketRoles& roles, uid_t uid, const std::vector<gid_t>& groups);

}  // namespace banger::gateway
