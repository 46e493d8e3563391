// Text that protobuf's strings take: bytes from names of files, guests and archives
// are any, and a message with others arrives as none.
#pragma once

#include <string>

#include "absl/strings/string_view.h"

namespace banger {

// UTF-8 by RFC 3629: no overlong forms, no surrogates.
bool IsUtf8(absl::string_view text);

// The same text with a '?' for each byte that is of no character.
std::string ValidUtf8(absl::string_view text);

}  // namespace banger
