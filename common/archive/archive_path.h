// Names inside archives, which are hostile until they passed here.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger {

// "./a//b/" becomes "a/b", "./" becomes "". INVALID_ARGUMENT, naming the path,
// for "..", absolute names, NUL, components of more than 255 bytes and paths of
// more than 4095.
absl::StatusOr<std::string> NormalizeArchivePath(absl::string_view path);

// INVALID_ARGUMENT when `target`, as a symlink at the normalized `path`, may lead
// above the archive's root, also through other symlinks: ".." comes first, and no
// more often than the path has directories. Absolute targets are fine: they count
// from the root of whoever follows them, so never follow them on the host.
absl::Status CheckSymlinkTarget(absl::string_view path, absl::string_view target);

// The same text, if need be cut, with control characters escaped and '?' for what is no
// UTF-8: for messages, also those of protobuf.
std::string PrintableArchivePath(absl::string_view path);

}  // namespace banger
