// Secrets that the user gives us.
#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace banger::cli {

// A line that is typed at the terminal and not shown. FAILED_PRECONDITION without
// a terminal; CANCELLED when stopped, with the terminal as it was.
absl::StatusOr<std::string> PromptSecret(const std::string& prompt, const std::stop_token& stop);

// All of stdin, without the end of its last line.
absl::StatusOr<std::string> ReadSecretFromStdin(const std::stop_token& stop);

}  // namespace banger::cli
