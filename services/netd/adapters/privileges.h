#pragma once

#include "absl/status/status.h"

namespace banger::netd {

// Gives up for good all of root's rights but CAP_NET_ADMIN, which stays in the
// effective and permitted sets; the inheritable, ambient and bounding sets get
// empty, and no_new_privs holds for what might be executed. As capabilities are each thread's own this must
// happen before there is a second one; FAILED_PRECONDITION when there is, and
// PERMISSION_DENIED without CAP_NET_ADMIN.
absl::Status KeepOnlyNetAdmin();

}  // namespace banger::netd
