#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace banger::cli {

// Becomes another program, which gets signals as we got them. Comes back only with an
// error.
absl::Status ReplaceProcess(const std::filesystem::path& program, const std::vector<std::string>& argv);

}  // namespace banger::cli
