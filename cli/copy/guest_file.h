// Single small files of a guest.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "cli/client.h"

namespace banger::cli {

// Its content; NOT_FOUND when there is none. Files of more than 1 MiB and what is
// no file are FAILED_PRECONDITION.
absl::StatusOr<std::string> ReadGuestFile(Client& client, const std::string& vm, const std::string& path);

// As a file of root's; missing directories above it are made.
absl::Status WriteGuestFile(Client& client, const std::string& vm, const std::string& path,
                            const std::string& content, unsigned mode);

}  // namespace banger::cli
