#pragma once

#include "absl/status/status.h"

namespace banger::netd {

// What is left of root's rights.
enum class Keep {
  kNothing,
  // In the effective and permitted sets.
  kNetAdmin,
  // And in the bounding set, so that a program that is executed has it too.
  kNetAdminAlsoForPrograms,
};

// Gives up for good all capabilities but CAP_NET_ADMIN, or also that one. The
// inheritable and ambient sets get empty, and no_new_privs holds. As capabilities
// are each thread's own this must happen before there is a second one;
// FAILED_PRECONDITION when there is, and PERMISSION_DENIED when there is no
// CAP_NET_ADMIN to keep.
absl::Status DropPrivileges(Keep keep);

}  // namespace banger::netd
