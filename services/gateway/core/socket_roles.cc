#include "services/gateway/core/socket_roles.h"

#include <algorithm>

namespace banger::gateway {

Role RoleAtSocket(const SocketRoles& roles, uid_t uid, const std::vector<gid_t>& groups) {
  Role highest = Role::kNone;
  bool named = false;
  const auto take = [&](Role role) {
    named = true;
    highest = std::max(highest, role);
  };
  if (const auto user = roles.users.find(uid); user != roles.users.end()) take(user->second);
  for (const gid_t gid : groups)
    if (const auto group = roles.groups.find(gid); group != roles.groups.end()) take(group->second);
  return named ? highest : roles.others;
}

}  // namespace banger::gateway
