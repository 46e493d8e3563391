#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace banger::cli {

// Finds the command that the words name, runs it and reports its error. The
// exit code of the process.
int RunApp(const CommandTable& table, const std::vector<std::string>& words);

// The candidate that is nearest to a mistyped word; empty when none is near.
std::string Nearest(const std::string& word, const std::vector<std::string>& candidates);

}  // namespace banger::cli
