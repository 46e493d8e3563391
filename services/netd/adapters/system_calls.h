#pragma once

#include <set>
#include <string>

#include "absl/status/status.h"

namespace banger::netd {

// The processes of netd; see confinement.h.
enum class Role { kDaemon, kNft, kReader };

// The system calls that this role may make. Of some only with certain arguments:
// see docs/privileges.md.
std::set<std::string> SystemCallsOf(Role role);

// All other system calls fail with EPERM, in this thread and all that it makes
// (seccomp). Needs no_new_privs.
absl::Status AllowOnlySystemCalls(Role role);

}  // namespace banger::netd
