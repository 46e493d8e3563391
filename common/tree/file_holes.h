#pragma once

#include <cstdint>
#include <vector>

#include "common/archive/tar_writer.h"

namespace banger {

// Where in its first `size` bytes an open file has data, as TarWriter wants it.
// Holes of less than 64 KiB count as data, so that the list of a file of 10 GB
// stays small. A file system that knows no holes has data everywhere.
std::vector<DataRange> DataRangesOf(int fd, std::int64_t size);

}  // namespace banger
