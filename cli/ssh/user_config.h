// banger's part of the user's own ssh configuration: an Include between two fences, at
// the top, where it is not inside a Host block.
#pragma once

#include <filesystem>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::cli {

// Of the user's, through symbolic links to where it really is.
absl::StatusOr<std::filesystem::path> UserSshConfig();

// Puts the Include of `included` into `config`, which is made (0600) when it is not
// there; replaces one that is there.
absl::Status InstallInclude(const std::filesystem::path& config, const std::filesystem::path& included);

// Takes it out again; what remains is byte for byte as it was. A file of nothing else is
// removed. False when there was none.
absl::StatusOr<bool> UninstallInclude(const std::filesystem::path& config);

// `text` without the fenced part. FAILED_PRECONDITION when a fence has no end.
absl::StatusOr<std::string> WithoutFence(absl::string_view text);

}  // namespace banger::cli
