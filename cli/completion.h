// Completion scripts, made from the command table. Commands and flags are
// static in them; names of VMs, images and kernels are asked for while the user
// types, by "banger __names KIND", which is quick or silent.
#pragma once

#include <string>

#include "cli/command.h"

namespace banger::cli {

std::string BashCompletion(const CommandTable& table);
std::string ZshCompletion(const CommandTable& table);
std::string FishCompletion(const CommandTable& table);

}  // namespace banger::cli
