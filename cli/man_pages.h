// Manual pages, made from the command table: banger(1), one for each noun, one for
// each command.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"

namespace banger::cli {

struct ManPage {
  // "banger-vm-start": the file's name before ".1".
  std::string name;
  // In troff, for man(7)'s macros.
  std::string text;
};

std::vector<ManPage> ManPages(const CommandTable& table);

}  // namespace banger::cli
