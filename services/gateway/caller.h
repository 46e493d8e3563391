// Who calls, as the listener that accepted the connection has stamped it.
#pragma once

#include <grpcpp/server_context.h>

#include <string>

#include "absl/status/status.h"
#include "services/gateway/core/role.h"

namespace banger::gateway {

struct Caller {
  // "uid:1000" of this host, or the name in the certificate of another.
  std::string name;
  Role role = Role::kNone;
};

Caller CallerOf(const grpc::CallbackServerContext& context);

// PERMISSION_DENIED naming what it takes; `path` is that of the method.
absl::Status RequireRole(const Caller& caller, Role needed, const std::string& path);

}  // namespace banger::gateway
