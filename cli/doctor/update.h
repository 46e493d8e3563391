#pragma once

#include <filesystem>

#include "cli/doctor/finding.h"

namespace banger::cli {

// Whether `banger update` has left the installation below `prefix` undecided.
Finding CheckUpdate(const std::filesystem::path& prefix);

}  // namespace banger::cli
