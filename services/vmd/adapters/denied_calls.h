// The system calls that no VMM needs.
#pragma once

#include "absl/status/status.h"

namespace banger::vmd {

// From now on, in this thread, in those that it makes and in what it executes, they
// fail: with EPERM, or as if the kernel did not have them where libc then does without.
// VMMs have narrower filters of their own as well. Needs no_new_privs.
absl::Status DenySystemCalls();

}  // namespace banger::vmd
