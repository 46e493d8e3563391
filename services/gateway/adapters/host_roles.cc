#include "services/gateway/adapters/host_roles.h"

#include <grp.h>
#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"

namespace banger::gateway {
namespace {

// Not thread-safe, as getpwnam is not.
absl::Status Grant(const std::string& key, const std::string& who, Role role, SocketRoles& roles) {
  const bool is_group = who.starts_with('@');
  const std::string name = is_group ? who.substr(1) : who;
  std::uint32_t id = 0;
  if (!absl::SimpleAtoi(name, &id)) {
    const group* found_group = is_group ? ::getgrnam(name.c_str()) : nullptr;
    const passwd* found_user = is_group ? nullptr : ::getpwnam(name.c_str());
    if (found_group == nullptr && found_user == nullptr)
      return absl::NotFoundError(absl::StrCat("gateway.", key, " in the configuration: there is no ",
                                              is_group ? "group" : "user", " '", name, "' here"));
    id = is_group ? found_group->gr_gid : found_user->pw_uid;
  }
  Role& granted = is_group ? roles.groups[id] : roles.users[id];
  granted = std::max(granted, role);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SocketRoles> FindSocketRoles(const GatewayConfig& config) {
  SocketRoles roles;
  roles.others = RoleNamed(config.others);
  for (const std::string& who : config.viewers)
    BANGER_RETURN_IF_ERROR(Grant("viewers", who, Role::kViewer, roles));
  for (const std::string& who : config.operators)
    BANGER_RETURN_IF_ERROR(Grant("operators", who, Role::kOperator, roles));
  for (const std::string& who : config.admins)
    BANGER_RETURN_IF_ERROR(Grant("admins", who, Role::kAdmin, roles));
  roles.users[0] = Role::kAdmin;
  roles.users[::geteuid()] = Role::kAdmin;
  return roles;
}

}  // namespace banger::gateway
