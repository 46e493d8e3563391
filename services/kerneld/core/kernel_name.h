#pragma once

#include "absl/strings/string_view.h"

namespace banger::kerneld {

// ^[a-zA-Z0-9][a-zA-Z0-9._-]{0,63}$, so that a name is always a plain file name.
bool IsValidKernelName(absl::string_view name);

// Whether version `a` is older than `b`, as people count: runs of digits are
// numbers ("6.9" before "6.10"), and the rest compares as text.
bool IsOlderVersion(absl::string_view a, absl::string_view b);

}  // namespace banger::kerneld
