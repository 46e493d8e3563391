// VM names: what is allowed, and ones made up.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace banger::vmd {

// A DNS label: 1 to 63 of a-z 0-9 '-', no '-' at either end. The one place where
// names are checked; they go into host names, DNS, kernel lines and paths.
bool IsValidVmName(absl::string_view name);

// 12 hex digits, as uids are: no VM may be called so, as names come before uids
// where either is taken.
bool LooksLikeVmUid(absl::string_view name);

// "adjective-noun", and with `attempt` > 0 "adjective-noun-NN". Random.
std::string GenerateVmName(int attempt);

// 12 random hex digits.
std::string GenerateVmUid();

}  // namespace banger::vmd
