#pragma once

#include "absl/status/status.h"

namespace banger::cli {

// Makes a virtual machine with one vCPU, which runs three instructions: writes a byte to
// a port, halts. FAILED_PRECONDITION, PERMISSION_DENIED or NOT_FOUND say what is missing.
// May hang where KVM is broken: for a process of its own.
absl::Status RunVcpu();

}  // namespace banger::cli
