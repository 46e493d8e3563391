#pragma once

#include <filesystem>
#include <stop_token>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/system/systemd.h"

namespace banger::cli {

// Has systemd take what the installation below `prefix` brings: units (see WriteUnits),
// users and directories. Starts nothing. The files that were written.
absl::StatusOr<std::vector<std::filesystem::path>> RefreshUnits(const std::filesystem::path& prefix,
                                                                const Systemd& systemd,
                                                                const std::stop_token& stop);

}  // namespace banger::cli
