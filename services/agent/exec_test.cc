// Exec as a caller sees it: GuestService behind a real link, with real processes.
#include <csignal>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/os/temp_dir.h"
#include "services/agent/testing/exec_fixture.h"

namespace banger::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

TEST_F(ExecTest, OutputErrorsAndExitCodeComeBackApart) {
  const Outcome outcome = Run(Command({"sh", "-c", "printf out; printf err >&2; exit 7"}));
  EXPECT_OK(outcome.status);
  EXPECT_TRUE(outcome.started);
  EXPECT_EQ(outcome.out, "out");
  EXPECT_EQ(outcome.err, "err");
  EXPECT_EQ(outcome.exit_code, 7);
}

TEST_F(ExecTest, ArgumentsPassNoShell) {
  EXPECT_EQ(Run(Command({"printf", "%s|", "a b", "$HOME", "", "'\"\\", "*"})).out, "a b|$HOME||'\"\\|*|");
}

TEST_F(ExecTest, MegabytesOfBinaryGoThroughBothWays) {
  std::string bytes(10 << 20, '\0');
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>((i * 2654435761U) >> 13);
  exec::v1::Command command = Command({"cat"});
  command.set_stdin(true);
  const auto stream = Start(command);
  std::jthread writer([&] {
    for (std::size_t done = 0; done < bytes.size(); done += 60000) Send(*stream, bytes.substr(done, 60000));
    stream->WritesDone();
  });
  const Outcome outcome = Collect(*stream);
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_TRUE(outcome.out == bytes);
}

TEST_F(ExecTest, WithoutStdinTheCommandReadsEndOfFile) {
  EXPECT_EQ(Run(Command({"sh", "-c", "cat; echo done"})).out, "done\n");
}

TEST_F(ExecTest, InputThatNobodyReadsDoesNotHoldTheCommandUp) {
  exec::v1::Command command = Command({"true"});
  command.set_stdin(true);
  const auto stream = Start(command);
  while (Send(*stream, std::string(60000, 'x'))) {
  }
  EXPECT_EQ(Collect(*stream).exit_code, 0);
}

TEST_F(ExecTest, ExitCodesAreAShells) {
  Outcome outcome = Run(Command({"no-such-program"}));
  EXPECT_EQ(outcome.exit_code, 127);
  EXPECT_THAT(outcome.err, HasSubstr("no-such-program: not found"));
  EXPECT_FALSE(outcome.started);
}

TEST_F(ExecTest, WhatCannotBeExecutedIsOneHundredTwentySix) {
  const Outcome outcome = Run(Command({"/etc"}));
  EXPECT_EQ(outcome.exit_code, 126);
  EXPECT_THAT(outcome.err, HasSubstr("/etc: Permission denied"));
}

TEST_F(ExecTest, AScriptWithoutAnInterpreterRunsInTheShell) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  ASSERT_OK(WriteFileAtomically(dir.path() / "script", "echo script $1\n", 0755));
  EXPECT_EQ(Run(Command({(dir.path() / "script").string(), "runs"})).out, "script runs\n");
}

TEST_F(ExecTest, AProgramOfAnotherLibcOrMachineSaysSo) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  const std::string path = dir.path() / "program";
  ASSERT_OK(WriteFileAtomically(path, "#!/no/such/loader\n", 0755));
  Outcome outcome = Run(Command({path}));
  EXPECT_EQ(outcome.exit_code, 127);
  EXPECT_THAT(outcome.err, HasSubstr("program: its interpreter or dynamic loader is not in the image"));

  ASSERT_OK(WriteFileAtomically(path,
                                "\x7f"
                                "ELF of another machine",
                                0755));
  outcome = Run(Command({path}));
  EXPECT_EQ(outcome.exit_code, 126);
  EXPECT_EQ(outcome.err, absl::StrCat("banger: ", path, ": not a program for this machine\n"));
}

TEST_F(ExecTest, ASignalEndsTheCommandAndItsChildren) {
  const auto stream = Start(Command({"sh", "-c", "sleep 1000 & echo ready; wait"}));
  EXPECT_THAT(ReadUntil(*stream, "ready"), StartsWith("ready"));
  v1::ExecRequest request;
  request.mutable_input()->set_signal(SIGTERM);
  stream->Write(request);
  const Outcome outcome = Collect(*stream);
  EXPECT_EQ(outcome.exit_code, 128 + SIGTERM);
  EXPECT_EQ(outcome.signal, SIGTERM);
}

TEST_F(ExecTest, ABackgroundProcessThatHoldsTheOutputDoesNotHoldTheCall) {
  const Outcome outcome = Run(Command({"sh", "-c", "sleep 1000 & echo $!"}));
  EXPECT_EQ(outcome.exit_code, 0);
  pid_t pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(outcome.out, &pid));
  // It lives on, as with any shell.
  EXPECT_EQ(::kill(pid, SIGKILL), 0);
}

TEST_F(ExecTest, ALeavingCallerEndsTheCommandAndAllThatItStarted) {
  // A job in a process group of its own, deaf to SIGHUP.
  const auto stream =
      Start(Command({"sh", "-c", "trap '' HUP; set -m; sleep 1000 & echo $!; echo ready; wait"}));
  const std::string out = ReadUntil(*stream, "ready");
  pid_t pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(out.substr(0, out.find('\n')), &pid)) << out;
  ASSERT_OK_AND_ASSIGN(const ProcessIdentity identity, IdentifyProcess(pid));
  absl::StatusOr<UniqueFd> process = OpenProcess(identity);
  ASSERT_OK(process);
  context_.TryCancel();
  EXPECT_THAT(Collect(*stream).status, StatusIs(absl::StatusCode::kCancelled));
  EXPECT_TRUE(WaitForProcessEnd(process->get(), 10s));
}

TEST_F(ExecTest, ALostLinkEndsTheCommand) {
  const auto stream = Start(Command({"sh", "-c", "echo $$; exec sleep 1000"}));
  pid_t pid = 0;
  ASSERT_TRUE(absl::SimpleAtoi(ReadUntil(*stream, "\n"), &pid));
  ASSERT_OK_AND_ASSIGN(const ProcessIdentity identity, IdentifyProcess(pid));
  absl::StatusOr<UniqueFd> process = OpenProcess(identity);
  ASSERT_OK(process);
  link_.reset();
  EXPECT_THAT(Collect(*stream).status, StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_TRUE(WaitForProcessEnd(process->get(), 10s));
}

TEST_F(ExecTest, ATerminalHasItsSizeAndIsResized) {
  exec::v1::Command command =
      Command({"sh", "-c", "trap 'stty size; exit 3' WINCH; stty size; while :; do sleep 0.01; done"});
  command.set_tty(true);
  command.set_stdin(true);
  command.mutable_window_size()->set_rows(33);
  command.mutable_window_size()->set_columns(99);
  const auto stream = Start(command);
  EXPECT_THAT(ReadUntil(*stream, "99"), HasSubstr("33 99"));
  v1::ExecRequest request;
  request.mutable_input()->mutable_window_size()->set_rows(44);
  request.mutable_input()->mutable_window_size()->set_columns(111);
  stream->Write(request);
  const Outcome outcome = Collect(*stream);
  EXPECT_THAT(outcome.out, HasSubstr("44 111"));
  EXPECT_EQ(outcome.exit_code, 3);
}

TEST_F(ExecTest, ControlCInATerminalInterrupts) {
  exec::v1::Command command = Command({"sh", "-c", "echo ready; exec sleep 1000"});
  command.set_tty(true);
  command.set_stdin(true);
  const auto stream = Start(command);
  ReadUntil(*stream, "ready");
  Send(*stream, "\x03");
  EXPECT_EQ(Collect(*stream).exit_code, 128 + SIGINT);
}

TEST_F(ExecTest, EndOfInputEndsATerminalsReader) {
  exec::v1::Command command = Command({"cat"});
  command.set_tty(true);
  command.set_stdin(true);
  const auto stream = Start(command);
  Send(*stream, "line\n");
  stream->WritesDone();
  const Outcome outcome = Collect(*stream);
  EXPECT_THAT(outcome.out, HasSubstr("line\r\nline\r\n"));
  EXPECT_EQ(outcome.exit_code, 0);
}

TEST_F(ExecTest, TheFirstMessageMustBeTheCommand) {
  const auto stream = stub_->Exec(&context_);
  Send(*stream, "early");
  EXPECT_THAT(Collect(*stream).status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("no command")));
}

TEST_F(ExecTest, CommandsLeaveNoDescriptorsAndNoChildrenBehind) {
  const auto count = [] {
    const std::filesystem::directory_iterator all("/proc/self/fd");
    return std::distance(begin(all), end(all));
  };
  Run(Command({"true"}));
  const auto before = count();
  for (int i = 0; i < 20; ++i) {
    grpc::ClientContext context;
    const auto stream = stub_->Exec(&context);
    v1::ExecRequest request;
    *request.mutable_input()->mutable_command() = Command({i % 2 == 0 ? "true" : "no-such-program"});
    request.mutable_input()->mutable_command()->set_tty(i % 3 == 0);
    stream->Write(request);
    EXPECT_OK(Collect(*stream).status);
  }
  EXPECT_EQ(count(), before);
}

}  // namespace
}  // namespace banger::agent
