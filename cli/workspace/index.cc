#include "cli/workspace/index.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/status/status_macros.h"

namespace banger::cli {

bool IsPathInTree(const std::string& path) {
  for (const absl::string_view part : absl::StrSplit(path, '/'))
    if (part.empty() || part == "." || part == ".." || absl::EqualsIgnoreCase(part, ".git")) return false;
  return true;
}

absl::StatusOr<Index> ReadIndex(const Git& git) {
  Index index;
  BANGER_ASSIGN_OR_RETURN(const std::string listed, git.Run({"ls-files", "--stage", "-t", "-z"}));
  for (const absl::string_view line : absl::StrSplit(listed, '\0', absl::SkipEmpty())) {
    // "H 100644 ID 0\tPATH"; what is in conflict has the same path several times.
    const std::size_t tab = line.find('\t');
    if (tab == absl::string_view::npos || tab < 10) return absl::InternalError("git ls-files: odd output");
    std::string path(line.substr(tab + 1));
    if (!IsPathInTree(path))
      return absl::FailedPreconditionError(
          absl::StrCat("its index has '", absl::CHexEscape(path), "', which is no path of a file"));
    if (line.substr(2, 6) == "160000") {
      const std::vector<std::string> words = absl::StrSplit(line.substr(0, tab), ' ');
      index.submodules.push_back({.path = std::move(path), .commit = words[2]});
      continue;
    }
    std::vector<std::string>& list = line[0] == 'S' ? index.skipped : index.files;
    if (list.empty() || list.back() != path) list.push_back(std::move(path));
  }
  return index;
}

}  // namespace banger::cli
