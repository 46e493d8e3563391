// What the boot could not do, from PID 1 to the serving agent, which tells vmd.
#pragma once

#include <string>
#include <vector>

namespace banger::agent {

// One line; also says it on the console.
void NoteBootWarning(const std::string& warning);

// Those of this boot.
std::vector<std::string> BootWarnings();

}  // namespace banger::agent
