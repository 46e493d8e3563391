// os-release(5): what a distribution says of itself.
#pragma once

#include <string>
#include <vector>

#include "absl/strings/string_view.h"

namespace banger {

// Values as they are once unquoted, of printable ASCII only and at most 128 bytes:
// they go to terminals and into protobuf strings. Of a key that is set twice the
// last one counts, as in a shell. Lines that are no assignments are skipped.
struct OsRelease {
  std::string id;
  std::vector<std::string> id_like;  // nearest first
  std::string pretty_name;
};

OsRelease ParseOsRelease(absl::string_view text);

}  // namespace banger
