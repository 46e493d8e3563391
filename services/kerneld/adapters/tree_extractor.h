#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "common/archive/archive_reader.h"

namespace banger::kerneld {

// Whether a member with this normalized path is wanted.
using PathFilter = std::function<bool(absl::string_view path)>;

// Unpacks regular files, directories and symlinks below `root`, an existing
// empty directory; the paths of the regular files. Modes become 0644 or 0755,
// owners and times are not kept. Hard links, devices, sockets and fifos are
// skipped. ARCHIVE_REFUSED, naming the member, for '..', absolute, overlong and too deep
// names, relative symlinks that leave the root, and members below a symlink;
// no write ever leaves the root. CANCELLED soon after the stop, however much a
// member unpacks to.
absl::StatusOr<std::vector<std::string>> ExtractTree(ArchiveReader& archive,
                                                     const std::filesystem::path& root,
                                                     const PathFilter& wanted, const std::stop_token& stop);

}  // namespace banger::kerneld
