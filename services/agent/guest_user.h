#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "services/agent/core/user_database.h"

namespace banger::agent {

// ResolveUser with the guest's own /etc/passwd and /etc/group, of this moment.
absl::StatusOr<User> FindGuestUser(const std::string& spec);

}  // namespace banger::agent
