// The files that we write, for the tests that read them.
#pragma once

#include <string>
#include <vector>

namespace banger::style {

struct SourceFile {
  // From the root of the tree: "common/os/file.h".
  std::string path;
  std::string text;
  bool executable = false;

  bool IsHeader() const { return path.ends_with(".h"); }
  bool IsCpp() const { return IsHeader() || path.ends_with(".cc"); }
  // Code that only tests run.
  bool IsTest() const;
  std::vector<std::string> Lines() const;
};

// All of the tree but build output and hidden directories (.ci is read). Sorted.
const std::vector<SourceFile>& SourceTree();

}  // namespace banger::style
