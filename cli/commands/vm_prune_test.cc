// vm prune at a terminal, and where there is none.
#include <gmock/gmock.h>

#include "cli/testing/terminal_fixture.h"

namespace banger::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class VmPruneTest : public TerminalTest {
 protected:
  VmPruneTest() {
    vm::v1::Vm& vm = *state_.vms.add_vms();
    vm.set_name("vms/old");
    vm.set_uid("bbbbbbbbbbbb");
    vm.set_state(vm::v1::Vm::STATE_STOPPED);
  }
};

TEST_F(VmPruneTest, AsksAndDeletesOnYes) {
  StartInTerminal({"vm", "prune"});
  ASSERT_TRUE(WaitForScreen("delete this VM? [y/N] "));
  EXPECT_THAT(screen_, HasSubstr("old"));
  Type("y\n");
  EXPECT_EQ(WaitForExit(), 0);
  EXPECT_THAT(state_.Events(), ElementsAre("deleted bbbbbbbbbbbb"));
}

TEST_F(VmPruneTest, AnythingElseDeletesNothing) {
  for (const auto& [answer, exit] : {std::pair("\n", 1), {"no\n", 1}, {"\x04", 1}, {"\x03", 130}}) {
    screen_.clear();
    StartInTerminal({"vm", "prune"});
    ASSERT_TRUE(WaitForScreen("[y/N] "));
    Type(answer);
    EXPECT_EQ(WaitForExit(), exit);
  }
  EXPECT_THAT(state_.Events(), IsEmpty());
}

TEST_F(VmPruneTest, WhereNothingIsToDeleteItAsksNothing) {
  state_.vms.mutable_vms(0)->set_state(vm::v1::Vm::STATE_RUNNING);
  for (const bool empty : {false, true}) {
    if (empty) state_.vms.clear_vms();
    const CommandResult result = Run({"vm", "prune"});
    EXPECT_EQ(result.status.code, 0);
    EXPECT_THAT(result.err, HasSubstr("there is no vm that does not run: nothing to delete"));
  }
}

TEST_F(VmPruneTest, WithoutATerminalItWantsTheFlag) {
  Subprocess::Options options;
  options.argv = {"setsid", "-w", BangerProgram(), "vm", "prune"};
  options.env = Environment();
  const CommandResult result = *RunCommand(options);
  EXPECT_EQ(result.status.code, 2);
  EXPECT_THAT(result.err, HasSubstr("vm prune: there is no terminal to ask at; say -f to delete them"));
  EXPECT_THAT(state_.Events(), IsEmpty());
}

}  // namespace
}  // namespace banger::cli
