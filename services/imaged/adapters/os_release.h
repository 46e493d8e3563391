#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace banger::imaged {

// PRETTY_NAME of an os-release file, else its ID, at most 128 bytes of
// printable ASCII; empty when it says neither.
std::string OsNameOf(absl::string_view os_release);

}  // namespace banger::imaged
