// What the user types in answer to a question.
#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace banger::cli {

// All that `fd` gives, or one line of it, without the end of the last line; at most
// 64 KiB. `what` is for errors: "the password". CANCELLED when stopped.
absl::StatusOr<std::string> ReadTyped(int fd, bool one_line, const std::string& what,
                                      const std::stop_token& stop);

// Asks at the terminal; true for y or yes. FAILED_PRECONDITION without a terminal.
absl::StatusOr<bool> Confirm(const std::string& question, const std::stop_token& stop);

}  // namespace banger::cli
