// The documentation against the tree it speaks of: what can be checked without a VM.
// e2e_docs runs the commands.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <regex>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "cli/commands/commands.h"
#include "cli/parse.h"
#include "tests/docs/page.h"
#include "tests/docs/shell_words.h"
#include "tests/style/source_tree.h"

namespace banger::docs {
namespace {

namespace fs = std::filesystem;
using style::SourceFile;
using style::SourceTree;

constexpr int kTwoScreens = 100;

const fs::path kRoot = BANGER_SOURCE_DIR;

// Every page of the tree, also READMEs and decisions.
std::map<std::string, Page> AllPages() {
  std::map<std::string, Page> pages;
  for (const SourceFile& file : SourceTree())
    if (absl::EndsWith(file.path, ".md")) pages.emplace(file.path, ReadPage(file.path, file.text));
  return pages;
}

std::string Resolved(const std::string& page, const std::string& target) {
  return (fs::path(page).parent_path() / target.substr(0, target.find('#'))).lexically_normal();
}

TEST(PagesTest, EverythingInThemCanBeTested) {
  for (const Page& page : UserPages(kRoot))
    for (const std::string& fault : page.faults) ADD_FAILURE() << fault;
}

TEST(PagesTest, LinksLeadSomewhere) {
  const std::map<std::string, Page> pages = AllPages();
  for (const auto& [path, page] : pages) {
    for (const Link& link : page.links) {
      const std::string where = absl::StrCat(path, ":", link.line, ": ", link.target);
      const std::string file = link.target.starts_with('#') ? path : Resolved(path, link.target);
      EXPECT_TRUE(fs::exists(kRoot / file)) << where;
      const std::size_t anchor = link.target.find('#');
      const auto to = pages.find(file);
      if (anchor == std::string::npos || to == pages.end()) continue;
      EXPECT_TRUE(to->second.anchors.contains(link.target.substr(anchor + 1)))
          << where << ": no such heading";
    }
  }
}

TEST(PagesTest, PagesThatCodeAndMessagesNameAreThere) {
  static const std::regex mention(R"(docs/[a-z0-9/-]+\.md)");
  for (const SourceFile& file : SourceTree()) {
    if (absl::StartsWith(file.path, "tests/docs/")) continue;
    for (std::sregex_iterator found(file.text.begin(), file.text.end(), mention), end; found != end; ++found)
      EXPECT_TRUE(fs::exists(kRoot / found->str())) << file.path << " names " << found->str();
  }
}

TEST(PagesTest, EveryPageIsReachedFromTheReadme) {
  const std::map<std::string, Page> pages = AllPages();
  std::set<std::string> reached;
  std::vector<std::string> next = {"README.md"};
  while (!next.empty()) {
    const std::string path = next.back();
    next.pop_back();
    if (!pages.contains(path) || !reached.insert(path).second) continue;
    for (const Link& link : pages.at(path).links) next.push_back(Resolved(path, link.target));
  }
  for (const auto& [path, page] : pages) {
    if (absl::StartsWith(path, "docs/")) {
      EXPECT_TRUE(reached.contains(path)) << path;
    }
  }
}

TEST(PagesTest, TheReadmeIsTwoScreens) {
  const Page readme = UserPages(kRoot).front();
  ASSERT_EQ(readme.path, "README.md");
  EXPECT_LE(readme.lines, kTwoScreens);
  ASSERT_FALSE(readme.blocks.empty());
  const std::vector<std::vector<std::string>> first = ShellCommands(readme.blocks[0].lines);
  EXPECT_THAT(first, ::testing::ElementsAre(::testing::ElementsAre("scripts/quickstart"),
                                            ::testing::ElementsAre("scripts/test")));
}

// What is wrong with `banger WORDS...`; empty when nothing is. `loosely`: as prose
// speaks of commands, without their arguments.
std::string FaultOf(std::vector<std::string> words, bool loosely) {
  const cli::CommandTable table = cli::MakeCommandTable();
  if (words.empty() || words[0] == "--version" || words[0] == "--help") return "";
  std::size_t named = 1;
  cli::Command* command = table.Find(words[0]);
  if (command == nullptr && table.FindGroup(words[0]) != nullptr) {
    if (words.size() == 1) return "";
    command = table.Find(absl::StrCat(words[0], " ", words[1]));
    named = 2;
  }
  if (command == nullptr) return "there is no such command";
  words.erase(words.begin(), words.begin() + static_cast<std::ptrdiff_t>(named));
  cli::Flags flags;
  command->Declare(flags);
  const auto parsed = cli::ParseArguments(*command, flags, words);
  if (parsed.ok() || (loosely && absl::EndsWith(parsed.status().message(), "is missing"))) return "";
  return std::string(parsed.status().message());
}

TEST(PagesTest, CommandsAndTheirFlagsAreThoseOfTheProgram) {
  EXPECT_NE(FaultOf({"vm", "rum"}, false), "");
  EXPECT_NE(FaultOf({"vm", "run", "--shiny"}, false), "");
  EXPECT_NE(FaultOf({"kernel", "import", "a"}, false), "");
  int checked = 0;
  for (const Page& page : UserPages(kRoot)) {
    for (const Block& block : page.blocks) {
      if (!block.IsShell()) continue;
      for (const std::vector<std::string>& command : ShellCommands(block.lines)) {
        const BangerWords banger = WordsOfBanger(command);
        if (!banger.ours) continue;
        ++checked;
        EXPECT_EQ(FaultOf(banger.words, false), "")
            << page.path << ":" << block.line << ": " << absl::StrJoin(command, " ");
      }
    }
    for (const std::string& span : page.spans) {
      static const std::regex alternatives(R"( *[\[\]]|\|[a-z]+)");  // "[-f]", "start|stop"
      for (const std::vector<std::string>& command :
           ShellCommands({std::regex_replace(span, alternatives, " ")})) {
        const BangerWords banger = WordsOfBanger(command);
        if (!banger.ours) continue;
        ++checked;
        EXPECT_EQ(FaultOf(banger.words, true), "") << page.path << ": `" << span << "`";
      }
    }
  }
  EXPECT_GT(checked, 100);
}

// The file that has the test "Suite.Case", or is the script of that name.
const SourceFile* Elsewhere(const std::string& name) {
  static const std::regex test(R"(([A-Za-z0-9]+)\.([A-Za-z0-9_]+))");
  std::smatch match;
  const bool is_test = std::regex_match(name, match, test);
  for (const SourceFile& file : SourceTree()) {
    if (file.path == name) return &file;
    if (!is_test || !absl::EndsWith(file.path, "_test.cc")) continue;
    const std::regex definition(
        absl::StrCat(R"(TEST(_F|_P)?\()", match[1].str(), R"(,\s*)", match[2].str(), R"(\))"));
    if (std::regex_search(file.text, definition)) return &file;
  }
  return nullptr;
}

// Whether the file runs that command, with whatever arguments.
bool Runs(const SourceFile& file, const std::vector<std::string>& command) {
  const BangerWords banger = WordsOfBanger(command);
  if (!banger.ours) {
    const std::string& program = command[0] == "sudo" && command.size() > 1 ? command[1] : command[0];
    const std::string name = fs::path(program).filename();
    // A script may have a name like any.
    if (absl::StartsWith(program, "scripts/"))
      return absl::StrContains(file.text, program) || absl::StrContains(file.text, "\"" + name + "\"");
    const std::string word = std::regex_replace(name, std::regex(R"([.+])"), R"(\$&)");
    return std::regex_search(file.text, std::regex(absl::StrCat(R"((^|[\s"'/]))", word, R"(($|[\s"'\)]))")));
  }
  const cli::CommandTable table = cli::MakeCommandTable();
  const std::string noun = banger.words.empty() ? "" : banger.words[0];
  if (table.FindGroup(noun) == nullptr || banger.words.size() < 2)
    return absl::StrContains(file.text, absl::StrCat("\"", noun, "\"")) ||
           absl::StrContains(file.text, absl::StrCat("banger ", noun));
  const std::string verb = banger.words[1];
  return absl::StrContains(file.text, absl::StrCat("\"", noun, "\", \"", verb, "\"")) ||
         absl::StrContains(file.text, absl::StrCat(noun, " ", verb));
}

TEST(PagesTest, WhatIsRunElsewhereIsRunThere) {
  for (const Page& page : UserPages(kRoot)) {
    for (const Block& block : page.blocks) {
      if (block.marks.elsewhere.empty()) continue;
      const std::string where = absl::StrCat(page.path, ":", block.line, ": ");
      EXPECT_TRUE(block.marks.before.empty() && block.marks.replaced.empty())
          << where << "it is not run here";
      std::vector<const SourceFile*> files;
      for (const std::string& test : block.marks.elsewhere) {
        files.push_back(Elsewhere(test));
        ASSERT_NE(files.back(), nullptr) << where << "no test or script " << test;
      }
      // Or it takes them from the page itself.
      const std::string name = fs::path(page.path).filename();
      if (std::any_of(files.begin(), files.end(), [&](const SourceFile* file) {
            return absl::StrContains(file->text, absl::StrCat("/", name));
          }))
        continue;
      for (const std::vector<std::string>& command : ShellCommands(block.lines)) {
        const bool runs =
            command[0] == "export" ||
            std::any_of(files.begin(), files.end(), [&](const auto* file) { return Runs(*file, command); });
        EXPECT_TRUE(runs) << where << absl::StrJoin(command, " ");
      }
    }
  }
}

}  // namespace
}  // namespace banger::docs
