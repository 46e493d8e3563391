#pragma once

#include <cstdint>
#include <functional>
#include <stop_token>

#include "absl/status/status.h"
#include "common/archive/tar_writer.h"
#include "common/ext4/ext4_reader.h"

namespace banger::imaged {

// Writes all that is in a file system as a tar, sorted by name: owners, modes,
// times, xattrs, hard links, devices, holes. Sockets and an empty lost+found are
// left out. `read` hears how many bytes of content were read since the last time.
absl::Status WriteTree(const Ext4Reader& reader, TarWriter& tar,
                       const std::function<void(std::int64_t)>& read, const std::stop_token& stop);

}  // namespace banger::imaged
