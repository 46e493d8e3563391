#pragma once

#include <string>

#include "cli/flags.h"

namespace banger::cli {

// --format table|json, of every command that shows resources. `format` holds
// the default.
inline void DeclareFormat(Flags& flags, std::string& format) {
  flags.Choice("--format", "FORMAT", format, {"table", "json"},
               "how to print; json is the API's own message, default " + format);
}

}  // namespace banger::cli
