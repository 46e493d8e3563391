// Pages of the documentation, as the tests see them.
#pragma once

#include <filesystem>
#include <ostream>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace banger::docs {

// How a block of commands is run where it cannot be as it stands: comments of the page
// directly before it, which no reader sees. They may span lines.
//   <!-- test: before COMMANDS -->        what the reader has done already
//   <!-- test: replace TEXT => TEXT -->   what is another in the test than at the reader's
//   <!-- test: elsewhere SUITE.CASE -->   the test that runs these commands instead
//   <!-- test: elsewhere PATH -->         or the script of ours
struct Marks {
  std::vector<std::string> before;
  std::vector<std::pair<std::string, std::string>> replaced;
  std::vector<std::string> elsewhere;
};

// What stands between two fences.
struct Block {
  std::string language;  // what the fence says; "" and "sh" are commands of the shell
  int line = 0;          // of its fence
  std::vector<std::string> lines;
  Marks marks;

  bool IsShell() const { return language.empty() || language == "sh"; }
};

struct Link {
  std::string target;
  int line = 0;
};

struct Page {
  std::string path;  // from the root of the tree
  int lines = 0;
  std::vector<Block> blocks;
  std::vector<Link> links;          // to our own files, outside of blocks
  std::vector<std::string> spans;   // `code` outside of blocks
  std::set<std::string> anchors;    // of its headings
  std::vector<std::string> faults;  // "path:line: what no test could read"

  // What a test that has a page for its parameter shows of it.
  friend void PrintTo(const Page& page, std::ostream* out) { *out << page.path; }
};

Page ReadPage(const std::string& path, const std::string& text);

// README.md and docs/*.md, but for those that are made from commands and protos
// (docs/cli.md, docs/api.md).
std::vector<Page> UserPages(const std::filesystem::path& root);

}  // namespace banger::docs
