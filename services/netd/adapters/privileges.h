#pragma once

#include "absl/status/status.h"

namespace banger::netd {

// Gives up for good all of root's rights but CAP_NET_ADMIN: in the effective,
// permitted, inheritable, ambient and bounding sets, and for what might be
// executed (no_new_privs). As capabilities are each thread's own this must
// happen before there is a second one; FAILED_PRECONDITION when there is, and
// PERMISSION_DENIED without CAP_NET_ADMIN.
absl::Status KeepOnlyNetAdmin();

}  // namespace banger::netd
