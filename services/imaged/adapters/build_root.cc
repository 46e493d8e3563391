#include "services/imaged/adapters/build_root.h"

#include <algorithm>
#include <vector>

#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/imaged/core/image.h"
#include "services/imaged/errors.h"

namespace banger::imaged {

namespace {

// VMs share images read-only, where a clean journal costs nothing (docs/adr/0005);
// whoever takes a copy to write on it has one. Small file systems keep their room.
int JournalMib(std::int64_t size_bytes) {
  constexpr std::int64_t kMib = std::int64_t{1} << 20;
  if (size_bytes < 256 * kMib) return 0;
  return static_cast<int>(std::clamp<std::int64_t>(size_bytes / 64 / kMib, 4, 64));
}

}  // namespace

absl::Status AsArchiveError(const absl::Status& status) {
  if (status.ok() || !ErrorReason(status).empty()) return status;
  if (absl::IsDataLoss(status)) return ImageCorrupt(status.message());
  if (absl::IsResourceExhausted(status)) return ArchiveRefused(status.message());
  if (absl::IsOutOfRange(status)) return RequestInvalid("size_bytes:", status.message());
  return status;
}

absl::Status Drain(ByteSource& source) {
  std::vector<char> buffer(64 << 10);
  for (;;) {
    BANGER_ASSIGN_OR_RETURN(const std::size_t count, source.Read(buffer));
    if (count == 0) return absl::OkStatus();
  }
}

absl::StatusOr<BuiltRootfs> FinishRoot(RootTree& tree, std::int64_t wanted_bytes,
                                       const std::stop_token& stop) {
  if (stop.stop_requested()) return absl::CancelledError("the caller has left");
  BuiltRootfs built{.size_bytes = ChooseFileSystemSize(tree.content_bytes(), wanted_bytes),
                    .os = tree.OsName(),
                    .arch = tree.Arch()};
  BANGER_RETURN_IF_ERROR(AsArchiveError(tree.Finish({.size_bytes = built.size_bytes,
                                                     .label = "banger-root",
                                                     .journal_mib = JournalMib(built.size_bytes)})));
  return built;
}

}  // namespace banger::imaged
