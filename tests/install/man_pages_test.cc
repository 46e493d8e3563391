#include "cli/man_pages.h"

#include <map>

#include "absl/strings/str_replace.h"
#include "cli/commands/commands.h"
#include "common/os/subprocess.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::map<std::string, std::string> Pages() {
  std::map<std::string, std::string> pages;
  for (ManPage& page : ManPages(MakeCommandTable())) pages[page.name] = std::move(page.text);
  return pages;
}

// As a reader sees it, on one line.
std::string Rendered(const std::string& page) {
  const auto result = RunCommand({.argv = {"groff", "-man", "-Tascii", "-P-cbu", "-rLL=300n"}}, page);
  return result.ok() ? result->out : "";
}

TEST(ManPagesTest, EveryCommandAndNounHasOne) {
  const std::map<std::string, std::string> pages = Pages();
  EXPECT_TRUE(pages.contains("banger"));
  const CommandTable table = MakeCommandTable();
  for (const Group& group : table.groups) EXPECT_TRUE(pages.contains("banger-" + group.name)) << group.name;
  for (const auto& command : table.commands) {
    const std::string name = "banger-" + absl::StrReplaceAll(command->info().path, {{" ", "-"}});
    EXPECT_EQ(pages.contains(name), !command->info().hidden) << name;
  }
}

TEST(ManPagesTest, GroffHasNothingToComplainAbout) {
  std::string all;
  for (const auto& [name, text] : Pages()) all += text;
  const auto result = RunCommand({.argv = {"groff", "-man", "-Tutf8", "-ww", "-z"}}, all);
  ASSERT_OK(result);
  EXPECT_TRUE(result->status.success());
  EXPECT_THAT(result->err, IsEmpty());
}

// No flag, argument or example may get lost among requests and escapes.
TEST(ManPagesTest, AllOfTheHelpIsThere) {
  const std::map<std::string, std::string> pages = Pages();
  const CommandTable table = MakeCommandTable();
  for (const auto& command : table.commands) {
    const CommandInfo& info = command->info();
    if (info.hidden) continue;
    const std::string page = Rendered(pages.at("banger-" + absl::StrReplaceAll(info.path, {{" ", "-"}})));
    EXPECT_THAT(page, HasSubstr(info.summary));
    Flags flags;
    command->Declare(flags);
    for (const Flag& flag : flags.flags()) EXPECT_THAT(page, HasSubstr(flag.help)) << info.path;
    for (const Flag& argument : flags.arguments()) EXPECT_THAT(page, HasSubstr(argument.help)) << info.path;
    for (const Example& example : info.examples)
      EXPECT_THAT(page, AllOf(HasSubstr(example.line), HasSubstr(example.what))) << info.path;
  }
}

}  // namespace
}  // namespace banger::cli
