// Who may connect to which daemon.
#pragma once

#include <filesystem>

#include "cli/doctor/finding.h"

namespace banger::cli {

// The gateway's socket is for its owner and group alone; those of the daemons behind it,
// which are beside it, for their owner, so that nobody passes by the gateway. (netd's own
// asks the kernel who connects.)
Finding CheckSockets(const std::filesystem::path& gateway);

}  // namespace banger::cli
