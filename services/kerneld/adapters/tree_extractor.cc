#include "services/kerneld/adapters/tree_extractor.h"

#include <fcntl.h>

#include <optional>
#include <set>
#include <utility>

#include "common/archive/archive_path.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "common/tree/tree_extractor.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace {

constexpr int kMaxDepth = 64;

absl::Status Extract(ArchiveReader& archive, TreeExtractor& extractor, const PathFilter& wanted,
                     const std::stop_token& stop) {
  for (;;) {
    if (stop.stop_requested()) return absl::CancelledError("the caller has left");
    BANGER_ASSIGN_OR_RETURN(const std::optional<ArchiveEntry> entry, archive.Next());
    if (!entry.has_value()) return extractor.Finish();
    BANGER_ASSIGN_OR_RETURN(const std::string path, NormalizeArchivePath(entry->path));
    if (path.empty() || !wanted(path)) continue;
    BANGER_RETURN_IF_ERROR(extractor.Add(*entry, path, "", archive));
  }
}

}  // namespace

absl::StatusOr<std::vector<std::string>> ExtractTree(ArchiveReader& archive,
                                                     const std::filesystem::path& root,
                                                     const PathFilter& wanted, const std::stop_token& stop) {
  BANGER_ASSIGN_OR_RETURN(UniqueFd fd, OpenFile(root, O_PATH | O_DIRECTORY));
  std::set<std::string> files;
  TreeExtractor extractor(std::move(fd),
                          {.keep_metadata = false,
                           .check_symlinks = true,
                           .hard_links = false,
                           .max_depth = kMaxDepth,
                           .files = &files},
                          stop);
  const absl::Status extracted = Extract(archive, extractor, wanted, stop);
  if (absl::IsInvalidArgument(extracted) && ErrorReason(extracted).empty())
    return ArchiveRefused(extracted.message());
  if (!extracted.ok()) return extracted;
  return std::vector<std::string>(files.begin(), files.end());
}

}  // namespace banger::kerneld
