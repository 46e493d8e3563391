#pragma once

#include "absl/status/status.h"

namespace banger::cli {

// For a command that is about the host on which it runs: it speaks to that host's gateway,
// whatever context is the current one. A usage error when the user has named another.
absl::Status SpeakToThisHost();

}  // namespace banger::cli
