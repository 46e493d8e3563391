#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace banger::imaged {

// For which machine a program is, by the begin of its file: as uname -m says it,
// "machine N" for what is not known here; empty when it is no ELF file.
std::string ArchOfElf(absl::string_view begin);

}  // namespace banger::imaged
