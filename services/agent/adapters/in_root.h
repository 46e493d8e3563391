// Paths of an image, whose links are meant as its programs see them: an absolute
// one begins at the image's root, and none leads out of it.
#pragma once

#include <filesystem>

#include "absl/status/statusor.h"

namespace banger::agent {

// Where `path` of the tree at `root` really is, all links followed. NOT_FOUND when
// it does not exist. Needs /proc, as DirectoryInRoot does.
absl::StatusOr<std::filesystem::path> ResolveInRoot(const std::filesystem::path& root,
                                                    const std::filesystem::path& path);

// The same for a directory that has to be there: it is made (0755) when it is
// missing, and takes the place of a file or of a link that leads nowhere.
absl::StatusOr<std::filesystem::path> DirectoryInRoot(const std::filesystem::path& root,
                                                      const std::filesystem::path& path);

}  // namespace banger::agent
