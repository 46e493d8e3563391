#pragma once

#include <filesystem>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"

namespace banger {

// A digest of a file's content that does not read its holes: SHA-256 over each 4 KiB
// block that is not all zero, after its offset, and at last over the file's size; both
// as 64-bit little-endian numbers. So where the holes are makes no difference. 64
// lower-case hex digits; CANCELLED when stopped.
absl::StatusOr<std::string> SparseSha256OfFile(const std::filesystem::path& path,
                                               const std::stop_token& stop = {});

}  // namespace banger
