#include "tests/style/source_tree.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace banger::style {
namespace fs = std::filesystem;
namespace {

bool IsOurs(const fs::path& directory) {
  const std::string name = directory.filename();
  return name == ".ci" || (!name.starts_with('.') && name != "build" && name != "node_modules");
}

std::vector<SourceFile> ReadTree(const fs::path& root) {
  std::vector<SourceFile> files;
  for (auto it = fs::recursive_directory_iterator(root); it != fs::recursive_directory_iterator(); ++it) {
    if (it->is_directory() && !IsOurs(it->path())) it.disable_recursion_pending();
    if (!it->is_regular_file()) continue;
    std::ifstream stream(it->path(), std::ios::binary);
    files.push_back({.path = it->path().lexically_relative(root),
                     .text = std::string(std::istreambuf_iterator<char>(stream), {}),
                     .executable = (it->status().permissions() & fs::perms::owner_exec) != fs::perms::none});
  }
  std::sort(files.begin(), files.end(),
            [](const SourceFile& a, const SourceFile& b) { return a.path < b.path; });
  return files;
}

}  // namespace

bool SourceFile::IsTest() const {
  return path.starts_with("tests/") || path.ends_with("_test.cc") ||
         path.find("/testing/") != std::string::npos;
}

std::vector<std::string> SourceFile::Lines() const {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

const std::vector<SourceFile>& SourceTree() {
  static const auto* tree = new std::vector<SourceFile>(ReadTree(BANGER_SOURCE_DIR));
  return *tree;
}

}  // namespace banger::style
