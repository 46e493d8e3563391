#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "cli/workspace/git.h"

namespace banger::cli {

struct IndexSubmodule {
  std::string path;
  std::string commit;
};

// What git tracks: paths below the top, sorted, each once. Files may be deleted.
struct Index {
  std::vector<std::string> files;
  std::vector<std::string> skipped;  // a sparse checkout has not written them
  std::vector<IndexSubmodule> submodules;
};

// FAILED_PRECONDITION for paths that git itself would not make: an index is a file like
// any other of a stranger's.
absl::StatusOr<Index> ReadIndex(const Git& git);

// Whether `path` stays below the top and leads into no repository's own files.
bool IsPathInTree(const std::string& path);

}  // namespace banger::cli
