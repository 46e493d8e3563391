// How a source file looks, beyond what clang-format and the compiler see.
#pragma once

#include <string>
#include <vector>

#include "tests/style/source_tree.h"

namespace banger::style {

inline constexpr int kMaxLines = 500;

// "path: what is wrong" for each rule that the file breaks.
std::vector<std::string> SourceFaults(const SourceFile& file);

// Test files that no CMakeLists.txt beside or above them names: they never run.
std::vector<std::string> ForgottenTests(const std::vector<SourceFile>& tree);

// A reason of an API error, from the call that makes it.
struct ErrorReasonUse {
  std::string path;
  std::string reason;
};
std::vector<ErrorReasonUse> ErrorReasons(const SourceFile& file);

}  // namespace banger::style
