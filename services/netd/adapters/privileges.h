#pragma once

#include "absl/status/status.h"

namespace banger::netd {

// Gives up for good all of root's rights but CAP_NET_ADMIN, which stays in the
// effective, permitted and bounding sets: so nft, which we execute, has it too
// and nothing else. The inheritable and ambient sets get empty, and no_new_privs
// holds. As capabilities are each thread's own this must happen before there is a
// second one; FAILED_PRECONDITION when there is, and PERMISSION_DENIED without
// CAP_NET_ADMIN.
absl::Status KeepOnlyNetAdmin();

}  // namespace banger::netd
