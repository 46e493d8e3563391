#pragma once

#include "absl/status/statusor.h"
#include "common/config/config.h"
#include "services/gateway/core/socket_roles.h"

namespace banger::gateway {

// Looks up the users and groups of the configuration; root and this process's own
// user are admins always. NOT_FOUND naming the key for one that the host does not
// know. Once, at start: users who are made later count from the next one on.
absl::StatusOr<SocketRoles> FindSocketRoles(const GatewayConfig& config);

}  // namespace banger::gateway
