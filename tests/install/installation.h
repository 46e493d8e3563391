// Installations of the build that is being tested.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger {

// `cmake --install` with that prefix, which units then name; stripped. No component: all.
absl::Status Install(const std::filesystem::path& prefix, const std::string& component = {});

// The command that installs the units alone, for a systemd of that version. What it needs in
// between is below `work`, which other such commands may use.
std::vector<std::string> InstallUnits(const std::filesystem::path& prefix, const std::filesystem::path& work,
                                      int systemd_version);

// Makes the Debian packages in `directory`; their files.
absl::StatusOr<std::vector<std::filesystem::path>> MakePackages(const std::filesystem::path& directory);

// Of all files and links below it, relative, in order.
std::vector<std::string> FilesBelow(const std::filesystem::path& directory);

// What a program printed on stdout and stderr; an error that has it when it failed.
absl::StatusOr<std::string> OutputOf(const std::vector<std::string>& argv);

}  // namespace banger
