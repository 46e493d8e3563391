// What the host itself is like; nothing is asked of a daemon.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>

#include "absl/strings/string_view.h"
#include "cli/doctor/finding.h"

namespace banger::cli {

Finding CheckFileSystemTools();

Finding CheckSpace(const std::string& what, const std::filesystem::path& directory);
Finding JudgeSpace(const std::string& what, const std::string& directory, std::int64_t free_bytes,
                   std::int64_t free_inodes);

// Later than this program was built, and kept right by somebody.
Finding CheckClock(std::chrono::system_clock::time_point now, absl::string_view build_time,
                   bool synchronised);
bool ClockIsSynchronised();

}  // namespace banger::cli
