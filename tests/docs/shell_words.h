// Commands as the shell takes a line apart, as far as documentation goes.
#pragma once

#include <string>
#include <vector>

namespace banger::docs {

// The words of each simple command, without assignments before it, redirections and
// comments: {"git", "apply"}. Lines that end with a backslash go on.
std::vector<std::vector<std::string>> ShellCommands(const std::vector<std::string>& lines);

// What a command runs of ours: the words after "banger" and --context NAME, also
// behind sudo or scripts/dev. Empty for what is none of banger's, with `ours` false.
struct BangerWords {
  bool ours = false;
  std::vector<std::string> words;
};
BangerWords WordsOfBanger(const std::vector<std::string>& command);

}  // namespace banger::docs
