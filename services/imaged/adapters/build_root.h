// What all ways to a root file system share.
#pragma once

#include <cstdint>
#include <stop_token>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/archive/byte_source.h"
#include "services/imaged/adapters/root_tree.h"
#include "services/imaged/core/ports.h"

namespace banger::imaged {

// The API's words for what went wrong with an archive: DATA_LOSS is
// IMAGE_CORRUPT, too many members or bytes ARCHIVE_REFUSED, a full disk
// DISK_FULL. What has a reason already stays.
absl::Status AsArchiveError(const absl::Status& status);

// Reads a stream to its end, so that its sender does not fail in the middle.
absl::Status Drain(ByteSource& source);

// Ends the tree with a file system of the right size.
absl::StatusOr<BuiltRootfs> FinishRoot(RootTree& tree, std::int64_t wanted_bytes,
                                       const std::stop_token& stop);

}  // namespace banger::imaged
