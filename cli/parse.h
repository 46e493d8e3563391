#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "cli/command.h"

namespace banger::cli {

struct Parsed {
  bool help = false;
};

// Sets the command's values from the words that follow its path. A usage error
// says what is wrong with which word.
absl::StatusOr<Parsed> ParseArguments(const Command& command, const Flags& flags,
                                      std::vector<std::string> words);

}  // namespace banger::cli
