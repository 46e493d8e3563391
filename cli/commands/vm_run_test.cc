// vm run and vm exec: a command in a VM, its streams, signals and exit code.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>

#include "absl/strings/str_cat.h"
#include "cli/testing/vm_fixture.h"
#include "common/os/file.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class VmRunTest : public VmTest {};

TEST_F(VmRunTest, ExecLeavesTheArgumentsAlone) {
  const std::vector<std::string> argv = {"exit", "42", "a b", "", "-i", "--", "$HOME", "'\"\\", "é"};
  std::vector<std::string> arguments = {"vm",  "exec", "web",  "-w", "/srv", "-e",
                                        "A=1", "-e",   "B==2", "-u", "me",   "--"};
  arguments.insert(arguments.end(), argv.begin(), argv.end());
  EXPECT_EQ(Run(arguments).status.code, 42);
  EXPECT_EQ(std::vector<std::string>(state_.command.argv().begin(), state_.command.argv().end()), argv);
  EXPECT_THAT(state_.command.env(), ElementsAre("A=1", "B==2"));
  EXPECT_EQ(state_.command.working_dir(), "/srv");
  EXPECT_EQ(state_.command.user(), "me");
  EXPECT_FALSE(state_.command.stdin());
  EXPECT_FALSE(state_.command.tty());
}

TEST_F(VmRunTest, ExecKeepsTheStreamsApartAndBinary) {
  const CommandResult both = Run({"vm", "exec", "web", "--", "both"});
  EXPECT_EQ(both.out, "to stdout\n");
  EXPECT_EQ(both.err, "to stderr\n");
  std::string binary;
  for (int i = 0; i < 1 << 20; ++i) binary += static_cast<char>(i * 7 % 256);
  EXPECT_TRUE(Run({"vm", "exec", "-i", "web", "--", "cat"}, binary).out == binary);
}

TEST_F(VmRunTest, ExecCarriesTenMegabytesUnharmed) {
  const CommandResult result = Run({"vm", "exec", "web", "--", "big", "10"});
  ASSERT_EQ(result.out.size(), std::size_t{10} << 20);
  for (std::size_t i = 0; i < result.out.size(); ++i)
    ASSERT_EQ(static_cast<unsigned char>(result.out[i]), (i / 65536 * 65536 + i % 65536) % 251) << i;
}

TEST_F(VmRunTest, ExecPassesSignalsOn) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    const std::size_t before = state_.Events().size();
    Subprocess program = Start({"vm", "exec", "web", "--", "trap"});
    while (state_.Events().size() < before + 2) ASSERT_TRUE(state_.WaitFor("waiting"));
    ASSERT_OK(program.Signal(signal));
    EXPECT_EQ(program.Wait()->code, 128 + signal);
    EXPECT_THAT(state_.Events(), Contains(absl::StrCat("signal ", signal)));
  }
}

TEST_F(VmRunTest, TheThirdCtrlCLeavesAStubbornCommand) {
  Subprocess program = Start({"vm", "exec", "web", "--", "stubborn"});
  ASSERT_TRUE(state_.WaitFor("waiting"));
  // Equal signals that wait together are one: send the next when it arrived.
  for (std::size_t seen = state_.Events().size(); seen < 4; seen = state_.Events().size()) {
    ASSERT_OK(program.Signal(SIGINT));
    while (state_.Events().size() == seen) ASSERT_TRUE(state_.WaitFor("waiting"));
  }
  ASSERT_OK(program.Signal(SIGINT));
  EXPECT_EQ(program.Wait()->code, 130);
}

TEST_F(VmRunTest, AReaderThatLeavesIsNoError) {
  int pipes[2];
  ASSERT_EQ(::pipe2(pipes, O_CLOEXEC), 0);
  const std::string errors = WriteFile("stderr", "");
  const UniqueFd error_fd = *OpenFile(errors, O_WRONLY);
  Subprocess program =
      Start({"vm", "run", "--rm", "--name", "box", "--", "big", "50"}, -1, pipes[1], error_fd.get());
  ::close(pipes[1]);
  ::close(pipes[0]);
  EXPECT_EQ(program.Wait()->code, 141);
  EXPECT_THAT(*ReadFile(errors), Not(HasSubstr("banger:")));
  EXPECT_TRUE(state_.WaitFor("deleted by force 0123456789ab"));
}

TEST_F(VmRunTest, RunGivesTheExitCodeAndRemoves) {
  const CommandResult result = Run({"vm", "run", "--rm", "--name", "box", "--", "exit", "7"});
  EXPECT_EQ(result.status.code, 7) << result.err;
  EXPECT_THAT(state_.Events(),
              ElementsAre("created box memory 0", "exec in box", "deleted by force 0123456789ab"));
  EXPECT_THAT(result.err, Not(HasSubstr("still running")));
}

TEST_F(VmRunTest, RunTakesWhatExecTakes) {
  EXPECT_EQ(Run({"vm", "run", "-w", "/srv", "-e", "A=1", "-u", "me", "--", "exit", "3"}).status.code, 3);
  EXPECT_EQ(state_.command.working_dir(), "/srv");
  EXPECT_THAT(state_.command.env(), ElementsAre("A=1"));
  EXPECT_EQ(state_.command.user(), "me");
  EXPECT_FALSE(state_.command.entrypoint());
}

TEST_F(VmRunTest, TheEntrypointIsACommandAndNoShell) {
  const CommandResult result = Run({"vm", "run", "--entrypoint"}, "x");
  EXPECT_TRUE(state_.command.entrypoint());
  EXPECT_EQ(state_.command.argv_size(), 0);
  EXPECT_FALSE(state_.command.stdin());
  EXPECT_THAT(result.err, Not(HasSubstr("still running")));
  Run({"vm", "exec", "--entrypoint", "web", "--", "exit", "1"});
  EXPECT_TRUE(state_.command.entrypoint());
  EXPECT_THAT(state_.command.argv(), ElementsAre("exit", "1"));

  state_.Fail("ExecVm", ApiError(absl::StatusCode::kFailedPrecondition, "IMAGE_CONFIG_UNUSABLE",
                                 "the image's User: user 'ghost' is not in /etc/passwd"));
  const CommandResult refused = Run({"vm", "exec", "web", "--", "true"});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("hint: say it yourself: -u USER"));
}

TEST_F(VmRunTest, AnImageWithNothingToRunIsRefusedBeforeThereIsAVm) {
  state_.images.clear_images();
  image::v1::Image& image = *state_.images.add_images();
  image.set_name("images/app");
  const CommandResult refused = Run({"vm", "run", "--image", "app", "--entrypoint", "--", "x"});
  EXPECT_EQ(refused.status.code, 1);
  EXPECT_THAT(refused.err, HasSubstr("image 'app' has neither Entrypoint nor Cmd (IMAGE_CONFIG_UNUSABLE)"));
  EXPECT_EQ(state_.Calls("CreateVm"), 0);
  image.mutable_config()->add_cmd("/app");
  Run({"vm", "run", "--image", "app", "--entrypoint"});
  EXPECT_EQ(state_.Calls("CreateVm"), 1);
}

TEST_F(VmRunTest, RunWithoutATerminalFeedsTheShellAndRemindsOfTheVm) {
  const CommandResult result = Run({"vm", "run", "--name", "box"}, "x");
  EXPECT_EQ(result.status.code, 5);
  EXPECT_TRUE(state_.command.stdin());
  EXPECT_FALSE(state_.command.tty());
  EXPECT_THAT(result.err, HasSubstr("vm 'box' is still running"));
  EXPECT_THAT(state_.Events(), Contains("key 120"));
  EXPECT_THAT(state_.Events(), Not(Contains(HasSubstr("deleted"))));
}

TEST_F(VmRunTest, RunRemovesAlsoAfterAFailureAndWhenTheUserWantsOut) {
  state_.Fail("ExecVm", absl::UnavailableError("vmd went away"));
  EXPECT_EQ(Run({"vm", "run", "--rm", "--", "exit", "0"}).status.code, 4);
  EXPECT_THAT(state_.Events(), Contains("deleted by force 0123456789ab"));
}

TEST_F(VmRunTest, RunRemovesWhenASignalEndsIt) {
  for (const int signal : {SIGTERM, SIGHUP, SIGINT}) {
    FakeGateway fresh(directory_.path() / absl::StrCat(signal, ".sock"));
    Subprocess::Options options;
    options.argv = {BangerProgram(), "vm", "run", "--rm", "--", "stubborn"};
    options.env = {
        {absl::StrCat("BANGER_SOCKET=", (directory_.path() / absl::StrCat(signal, ".sock")).string())}};
    Subprocess program = *Subprocess::Start(options);
    ASSERT_TRUE(fresh.state.WaitFor("waiting"));
    for (std::size_t sent = 0; sent < (signal == SIGINT ? 3U : 1U); ++sent) {
      const std::size_t seen = fresh.state.Events().size();
      ASSERT_OK(program.Signal(signal));
      while (sent < 2 && fresh.state.Events().size() == seen) ASSERT_TRUE(fresh.state.WaitFor("waiting"));
    }
    EXPECT_EQ(program.Wait()->code, 130);
    EXPECT_TRUE(fresh.state.WaitFor("deleted by force 0123456789ab"));
  }
}

TEST_F(VmRunTest, DetachPrintsTheNameAndRefusesWhatContradictsIt) {
  EXPECT_EQ(Run({"vm", "run", "-d"}).out, "made-up\n");
  EXPECT_EQ(state_.Calls("ExecVm"), 0);
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"vm", "run", "-d", "--rm"},
                                                    {"vm", "run", "-d", "--", "ls"},
                                                    {"vm", "run", "-d", "-e", "A=1"},
                                                    {"vm", "run", "-d", "--entrypoint"},
                                                    {"vm", "run", "-d", "-i"}}) {
    EXPECT_EQ(Run(arguments).status.code, 2);
  }
  EXPECT_EQ(state_.Calls("CreateVm"), 1);
}

TEST_F(VmRunTest, AVmThatNeverBecameReadyIsKeptForItsLog) {
  state_.Fail("CreateVm", ApiError(absl::StatusCode::kDeadlineExceeded, "VM_NOT_READY",
                                   "vm 'box' was not ready within 60 s", {{"vm", "box"}}));
  const CommandResult result = Run({"vm", "run", "--rm", "--name", "box"});
  EXPECT_EQ(result.status.code, 1);
  EXPECT_THAT(result.err,
              HasSubstr("hint: see what it said with 'banger vm logs box', remove it with 'banger vm "
                        "delete --force box'"));
  EXPECT_EQ(state_.Calls("DeleteVm"), 0);
}

}  // namespace
}  // namespace banger::cli
