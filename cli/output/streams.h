// Standard output for results, standard error for all the rest.
#pragma once

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace banger::cli {

// Writes all of it, also to a non-blocking descriptor. BrokenPipe() when nobody
// reads any more.
absl::Status WriteStdout(absl::string_view data);

// The same for what a guest says on its stderr.
absl::Status WriteStderr(absl::string_view data);

// A line of our own on stderr; a failure to write it is ignored.
void Note(absl::string_view line);
// "warning: LINE".
void Warn(absl::string_view line);

// Whether stderr may be coloured: a terminal that can, and no NO_COLOR.
bool ColorStderr();

}  // namespace banger::cli
