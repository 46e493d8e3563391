#pragma once

#include <string>

namespace banger {

// `filter` is "gzip", "xz", "zstd", "lz4", "bzip2" or "none".
std::string CompressForTests(const std::string& bytes, const std::string& filter);

}  // namespace banger
