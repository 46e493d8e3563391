// netd is three processes, each of which gives up, before it hears anybody, all
// but what it is for. docs/privileges.md has the whole of it.
#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/os/landlock.h"

namespace banger::netd {

// netd itself, whose directory it is. No process can be made after this, and no
// program executed. False when this kernel has no Landlock: then files are
// protected by permissions and the lack of capabilities alone.
absl::StatusOr<bool> ConfineDaemon(const std::filesystem::path& directory);

// The helper that runs nft.
absl::Status ConfineNft(const std::filesystem::path& program);

// The helper that reads the host's resolv.conf.
absl::Status ConfineReader(const std::filesystem::path& file);

// The files of each.
std::vector<FileAccess> FilesOfDaemon(const std::filesystem::path& directory);
std::vector<FileAccess> FilesOfNft(const std::filesystem::path& program);
std::vector<FileAccess> FilesOfReader(const std::filesystem::path& file);

}  // namespace banger::netd
