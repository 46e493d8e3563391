// Who may include whom; docs/architecture.md tells why.
#pragma once

#include <string>
#include <vector>

#include "tests/style/source_tree.h"

namespace banger::style {

// "path:line: what is wrong", one for each include that crosses a border.
std::vector<std::string> LayeringFaults(const SourceFile& file);

}  // namespace banger::style
