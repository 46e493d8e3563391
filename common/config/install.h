// Where the programs and files that belong to this build are: beside the
// running program, in the build tree as in an installed one.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/statusor.h"

namespace banger {

// PREFIX/libexec/banger/NAME for a program in PREFIX/bin or PREFIX/libexec/banger.
// NOT_FOUND when it is not there.
absl::StatusOr<std::filesystem::path> FindLibexec(const std::string& name);

// PREFIX/share/banger/NAME.
absl::StatusOr<std::filesystem::path> FindShare(const std::string& name);

}  // namespace banger
