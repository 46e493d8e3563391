#include "cli/help.h"

#include <cstdlib>
#include <set>

#include "cli/app.h"
#include "cli/commands/commands.h"
#include "cli/completion.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

// BANGER_UPDATE_GOLDEN=1 writes the file instead.
TEST(HelpTest, ReferenceIsWhatTheCommandTableSays) {
  const std::string path = BANGER_SOURCE_DIR "/docs/cli.md";
  const std::string reference = MarkdownReference(MakeCommandTable());
  if (std::getenv("BANGER_UPDATE_GOLDEN") != nullptr) {
    ASSERT_OK(WriteFileAtomically(path, reference, 0644));
  }
  ASSERT_OK_AND_ASSIGN(const std::string golden, ReadFile(path));
  EXPECT_EQ(reference, golden) << "run it again with BANGER_UPDATE_GOLDEN=1";
}

TEST(HelpTest, AGroupSaysWhatItIsForWhatIsMostUsedAndWhatComesNext) {
  const CommandTable table = MakeCommandTable();
  const std::string help = GroupHelp(table, *table.FindGroup("kernel"));
  EXPECT_THAT(help,
              HasSubstr("banger kernel: Keep the kernels that VMs boot\n\nMost used:\n  banger kernel pull"));
  EXPECT_THAT(help, HasSubstr("Next:\n  banger image import"));
  EXPECT_THAT(help, HasSubstr("  rm      Remove a kernel\n"));
}

TEST(HelpTest, EveryCommandIsDescribedAndHasAnExample) {
  const CommandTable table = MakeCommandTable();
  std::set<std::string> paths;
  for (const auto& command : table.commands) {
    const CommandInfo& info = command->info();
    EXPECT_TRUE(paths.insert(info.path).second) << info.path;
    EXPECT_THAT(info.summary, Not(EndsWith("."))) << info.path;
    if (info.hidden) continue;
    EXPECT_THAT(info.summary, Not(IsEmpty())) << info.path;
    EXPECT_THAT(info.examples, Not(IsEmpty())) << info.path;
    for (const Example& example : info.examples) EXPECT_THAT(example.line, HasSubstr("banger ")) << info.path;
  }
}

TEST(HelpTest, HiddenCommandsAreNotShown) {
  EXPECT_THAT(OverviewHelp(MakeCommandTable()), Not(HasSubstr("__names")));
}

TEST(AppTest, NearestFindsASlipButNotAnotherWord) {
  const std::vector<std::string> verbs = {"start", "stop", "restart", "list"};
  EXPECT_EQ(Nearest("strat", verbs), "start");
  EXPECT_EQ(Nearest("star", verbs), "start");
  EXPECT_EQ(Nearest("lsit", verbs), "list");
  EXPECT_EQ(Nearest("lst", verbs), "list");
  EXPECT_EQ(Nearest("delete", verbs), "");
}

class BashCompletionTest : public ::testing::Test {
 protected:
  // What bash offers for the words, the last of which is being typed.
  // The words are as bash takes them apart, the line as it stands there.
  static std::string Complete(const std::string& words, const std::string& line = "") {
    const std::string script =
        BashCompletion(MakeCommandTable()) +
        "banger() { [[ $1 == __names ]] && echo live-$2${BANGER_CONTEXT:+-of-$BANGER_CONTEXT}; }\n"
        "COMP_WORDS=(" +
        words + "); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE='" + line +
        "'; COMP_POINT=${#COMP_LINE}; _banger\n"
        "echo \"${COMPREPLY[*]}\"\n";
    return RunCommand({.argv = {"bash", "-c", script}})->out;
  }
};

TEST_F(BashCompletionTest, OffersCommandsFlagsAndLiveNames) {
  EXPECT_EQ(Complete("banger ker"), "kernel\n");
  EXPECT_EQ(Complete("banger vm st"), "start stop stats\n");
  EXPECT_EQ(Complete("banger vm stop --t"), "--timeout\n");
  EXPECT_EQ(Complete("banger vm stop ''"), "live-vms\n");
  EXPECT_EQ(Complete("banger vm run --image ''"), "live-images\n");
  EXPECT_EQ(Complete("banger kernel pull ''"), "live-catalog-kernels\n");
  EXPECT_EQ(Complete("banger image pull ''"), "live-catalog-images\n");
  EXPECT_EQ(Complete("banger kernel rm ''"), "live-kernels\n");
  EXPECT_EQ(Complete("banger kernel show ''"), "live-kernels\n");
  EXPECT_EQ(Complete("banger ps --format t"), "table\n");
  EXPECT_EQ(Complete("banger completion ''"), "bash zsh fish\n");
  EXPECT_EQ(Complete("banger vm workspace ''"), "prepare export\n");
  EXPECT_EQ(Complete("banger vm workspace prepare ''"), "live-vms\n");
  EXPECT_EQ(Complete("banger vm exec web -- ''"), "\n");
}

TEST_F(BashCompletionTest, AContextMayStandAnywhereAndIsAskedForNames) {
  EXPECT_EQ(Complete("banger --con"), "--context\n");
  EXPECT_EQ(Complete("banger vm stop --con"), "--context\n");
  EXPECT_EQ(Complete("banger --context ''"), "live-contexts\n");
  EXPECT_EQ(Complete("banger vm list --context ="), "live-contexts\n");
  EXPECT_EQ(Complete("banger vm list --context = li"), "live-contexts\n");
  EXPECT_EQ(Complete("banger context use ''"), "live-contexts\n");
  EXPECT_EQ(Complete("banger --context lab ker"), "kernel\n");
  EXPECT_EQ(Complete("banger --context = lab vm st"), "start stop stats\n");
  EXPECT_EQ(Complete("banger vm --context lab stop ''"), "live-vms-of-lab\n");
  EXPECT_EQ(Complete("banger --context lab vm port add ''"), "live-vms-of-lab\n");
  EXPECT_EQ(Complete("banger vm exec web -- --context ''"), "\n");
}

TEST_F(BashCompletionTest, EachArgumentHasItsOwn) {
  EXPECT_EQ(Complete("banger vm port ''"), "add rm list\n");
  EXPECT_EQ(Complete("banger vm port add ''"), "live-vms\n");
  EXPECT_EQ(Complete("banger vm port --format table add ''"), "live-vms\n");
  EXPECT_EQ(Complete("banger vm port --format = table add ''"), "live-vms\n");
  EXPECT_EQ(Complete("banger vm port add web ''"), "\n");
  EXPECT_EQ(Complete("banger vm port add web 8080 : 80 ''"), "\n");
  EXPECT_EQ(Complete("banger vm start web ''"), "live-vms\n");
}

TEST_F(BashCompletionTest, ACopyIsOfAVmOrAFile) {
  EXPECT_EQ(Complete("banger vm cp live-"), "live-vms:\n");
  EXPECT_EQ(Complete("banger vm cp /proc/self/statu live-"), "live-vms:\n");
  EXPECT_EQ(Complete("banger vm cp -u app web : /etc/hosts /proc/self/statu"), "/proc/self/status\n");
  EXPECT_EQ(Complete("banger vm cp /proc/self/tas"), "/proc/self/task/\n");
  // The guest's files are not here.
  EXPECT_EQ(Complete("banger vm cp web : /proc/self/statu", "banger vm cp web:/proc/self/statu"), "\n");
  EXPECT_EQ(Complete("banger vm cp web : /proc/self/statu", "banger vm cp web: /proc/self/statu"),
            "/proc/self/status\n");
}

TEST(CompletionTest, OtherShellsGetTheSameCommands) {
  EXPECT_THAT(ZshCompletion(MakeCommandTable()), HasSubstr("bashcompinit"));
  EXPECT_THAT(
      FishCompletion(MakeCommandTable()),
      HasSubstr(
          "complete -c banger -n '__fish_seen_subcommand_from vm; and __fish_seen_subcommand_from stop' "
          "-k -a '(__banger_names vms)'"));
  EXPECT_THAT(FishCompletion(MakeCommandTable()),
              HasSubstr("__fish_seen_subcommand_from port; and test (__banger_position 3 --format) -eq 1' -k "
                        "-a '(__banger_names vms)'"));
}

}  // namespace
}  // namespace banger::cli
