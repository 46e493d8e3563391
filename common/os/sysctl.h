// The kernel's settings, files below /proc/sys, where one character is the value.
#pragma once

#include <filesystem>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace banger {

// False also where there is no such setting: of an interface that has gone, say.
absl::StatusOr<bool> SysctlIs(const std::filesystem::path& file, char value);

// NOT_FOUND in that case.
absl::Status SetSysctl(const std::filesystem::path& file, char value);

}  // namespace banger
