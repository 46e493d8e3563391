// Exec as a caller sees it: GuestService behind a real link, with real processes.
#include <grpc/grpc.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <thread>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "common/guestlink/guest_port.h"
#include "common/guestlink/host_link.h"
#include "common/os/file.h"
#include "common/os/process.h"
#include "common/os/temp_dir.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/agent/guest_service.h"

namespace banger::agent {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;
namespace v1 = guest::v1;
using Stream = grpc::ClientReaderWriter<v1::ExecRequest, v1::ExecResponse>;

struct Outcome {
  std::string out;
  std::string err;
  int exit_code = -1;
  int signal = 0;
  bool started = false;
  absl::Status status;
};

class ExecTest : public ::testing::Test {
 protected:
  // The last user of gRPC may wait 10 s for a poller in its background.
  static void SetUpTestSuite() { grpc_init(); }

  void SetUp() override {
    ::signal(SIGPIPE, SIG_IGN);  // as the agent does
    grpc::ServerBuilder builder;
    builder.RegisterService(&service_);
    server_ = builder.BuildAndStart();
    int fds[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    ASSERT_OK_AND_ASSIGN(port_, guestlink::GuestPort::Start(UniqueFd(fds[0]), [this](UniqueFd stream) {
                           grpc::AddInsecureChannelFromFd(server_.get(), stream.Release());
                         }));
    ASSERT_OK_AND_ASSIGN(
        link_, guestlink::HostLink::Greet(UniqueFd(fds[1]), std::chrono::steady_clock::now() + 10s, {}));
    channel_ = grpc::CreateInsecureChannelFromFd("guest", link_->TakeStream().Release());
    stub_ = v1::GuestService::NewStub(channel_);
    context_.set_deadline(std::chrono::system_clock::now() + 30s);
  }

  void TearDown() override {
    context_.TryCancel();
    server_->Shutdown(std::chrono::system_clock::now());
  }

  static exec::v1::Command Command(const std::vector<std::string>& argv) {
    exec::v1::Command command;
    for (const std::string& argument : argv) command.add_argv(argument);
    return command;
  }

  std::unique_ptr<Stream> Start(const exec::v1::Command& command) {
    auto stream = stub_->Exec(&context_);
    v1::ExecRequest request;
    *request.mutable_input()->mutable_command() = command;
    stream->Write(request);
    return stream;
  }

  // To the end of the call.
  static Outcome Collect(Stream& stream) {
    Outcome outcome;
    for (v1::ExecResponse response; stream.Read(&response);) {
      outcome.started |= response.output().has_started();
      outcome.out += response.output().stdout();
      outcome.err += response.output().stderr();
      if (!response.output().has_exited()) continue;
      outcome.exit_code = response.output().exited().exit_code();
      outcome.signal = response.output().exited().signal();
    }
    outcome.status = rpc::FromGrpc(stream.Finish());
    return outcome;
  }

  // Each on a call of its own, as often as wanted.
  Outcome Run(const exec::v1::Command& command) {
    grpc::ClientContext context;
    const auto stream = stub_->Exec(&context);
    v1::ExecRequest request;
    *request.mutable_input()->mutable_command() = command;
    stream->Write(request);
    return Collect(*stream);
  }

  // What the guest knows of its image from now on; the warnings.
  std::vector<std::string> SetImage(const v1::ExecDefaults& image) {
    grpc::ClientContext context;
    v1::ConfigureRequest request;
    *request.mutable_exec_defaults() = image;
    v1::ConfigureResponse response;
    EXPECT_OK(rpc::FromGrpc(stub_->Configure(&context, request, &response)));
    return {response.warnings().begin(), response.warnings().end()};
  }

  // Until the text is there.
  static std::string ReadUntil(Stream& stream, const std::string& text) {
    std::string out;
    for (v1::ExecResponse response; out.find(text) == std::string::npos && stream.Read(&response);)
      out += response.output().stdout();
    return out;
  }

  static bool Send(Stream& stream, const std::string& input) {
    v1::ExecRequest request;
    request.mutable_input()->set_stdin(input);
    return stream.Write(request);
  }

  WorkerPool workers_{8, 8};
  GuestService service_{workers_};
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<guestlink::GuestPort> port_;
  std::unique_ptr<guestlink::HostLink> link_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::GuestService::Stub> stub_;
  grpc::ClientContext context_;
};

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

TEST_F(ExecTest, EnvironmentAndDirectoryAreTheCallers) {
  exec::v1::Command command = Command({"sh", "-c", "pwd; echo $A $HOME"});
  command.add_env("A=b c");
  command.set_working_dir("/usr");
  EXPECT_THAT(Run(command).out, StartsWith("/usr\nb c /"));
}

TEST_F(ExecTest, WrongDirectoriesAndUsersAreNamed) {
  exec::v1::Command command = Command({"true"});
  command.set_working_dir("/no/such/place");
  EXPECT_THAT(Run(command).status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/such/place")));
}

TEST_F(ExecTest, AnUnknownUserIsNamed) {
  exec::v1::Command command = Command({"true"});
  command.set_user("nobody-of-that-name");
  EXPECT_THAT(Run(command).status, StatusIs(absl::StatusCode::kNotFound, HasSubstr("nobody-of-that-name")));
}

TEST_F(ExecTest, WhatTheImageSaysHoldsWhereTheCallerIsSilent) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  v1::ExecDefaults image;
  image.add_env("A=image");
  image.add_env("HOME=/image");
  image.set_working_dir(dir.path() / "made/when/missing");
  EXPECT_THAT(SetImage(image), ::testing::IsEmpty());
  exec::v1::Command command = Command({"sh", "-c", "pwd; echo $A $HOME"});
  EXPECT_EQ(Run(command).out, image.working_dir() + "\nimage /image\n");
  command.add_env("A=caller");
  command.set_working_dir("/usr");
  EXPECT_EQ(Run(command).out, "/usr\ncaller /image\n");
  // Somebody else's home is not the image's.
  command.set_user(absl::StrCat(::geteuid(), ":", ::getegid()));
  EXPECT_THAT(Run(command).out, ::testing::Not(HasSubstr("/image")));
}

TEST_F(ExecTest, TheImagesUserRunsItUnlessTheCallerSaysOtherwise) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  v1::ExecDefaults image;
  image.set_user("1234:4321");
  SetImage(image);
  exec::v1::Command command = Command({"sh", "-c", "echo $(id -u) $(id -g)"});
  EXPECT_EQ(Run(command).out, "1234 4321\n");
  command.set_user("root");
  EXPECT_EQ(Run(command).out, "0 0\n");
}

TEST_F(ExecTest, TheEntrypointRunsWithTheImagesArgumentsOrTheCallers) {
  v1::ExecDefaults image;
  for (const char* word : {"printf", "<%s>"}) image.add_entrypoint(word);
  for (const char* word : {"a", "b c"}) image.add_cmd(word);
  SetImage(image);
  exec::v1::Command command = Command({});
  command.set_entrypoint(true);
  EXPECT_EQ(Run(command).out, "<a><b c>");
  command.add_argv("$x");
  EXPECT_EQ(Run(command).out, "<$x>");
  EXPECT_EQ(Run(Command({"echo", "as it is"})).out, "as it is\n");
}

TEST_F(ExecTest, AHostileConfigIsNamedAndTheCallerGetsAroundIt) {
  ASSERT_OK_AND_ASSIGN(const TempDir dir, TempDir::Create());
  ASSERT_OK(WriteFileAtomically(dir.path() / "file", ""));
  const auto refused = [this](const v1::ExecDefaults& image, const std::string& name, bool entrypoint) {
    SetImage(image);
    exec::v1::Command command =
        Command(entrypoint ? std::vector<std::string>{} : std::vector<std::string>{"true"});
    command.set_entrypoint(entrypoint);
    const absl::Status status = Run(command).status;
    EXPECT_EQ(ErrorReason(status), "IMAGE_CONFIG_UNUSABLE") << status;
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(name)));
  };
  for (const std::string& user : {std::string("root:x:99999999999"), std::string("4294967295"),
                                  std::string("no-such-user"), std::string("ro\0ot", 5), std::string(":0")}) {
    v1::ExecDefaults image;
    image.set_user(user);
    refused(image, "the image's User", false);
  }
  for (const std::string& working_dir :
       {std::string("relative"), (dir.path() / "file/below").string(), std::string("/tmp\0x", 6)}) {
    v1::ExecDefaults image;
    image.set_working_dir(working_dir);
    refused(image, "the image's WorkingDir", false);
  }
  refused({}, "the image's Entrypoint: there is none", true);
  v1::ExecDefaults image;
  image.add_entrypoint("");
  image.add_entrypoint("x");
  refused(image, "name is empty", true);

  image.set_user(std::string(20000, 'u'));  // not longer than an error may be
  image.set_working_dir("relative");
  refused(image, "the image's User", false);
  exec::v1::Command command = Command({"pwd"});
  command.set_user(absl::StrCat(::geteuid(), ":", ::getegid()));
  command.set_working_dir("/usr");
  EXPECT_EQ(Run(command).out, "/usr\n");
}

TEST_F(ExecTest, AnEnvironmentThatIsNoneIsLeftOutWithAWarning) {
  v1::ExecDefaults image;
  image.add_env("NOEQUALS");
  image.add_env("A=1");
  image.add_env("LARGE=" + std::string(1 << 20, 'x'));
  EXPECT_THAT(SetImage(image), ::testing::ElementsAre(HasSubstr("'NOEQUALS'")));
  EXPECT_EQ(Run(Command({"sh", "-c", "echo $A $LARGE"})).out, "1\n");
}

TEST_F(ExecTest, AShellThatLetsNobodyInIsNotTheLoginShell) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  exec::v1::Command command = Command({});
  command.set_user("nobody");
  command.set_stdin(true);
  const auto stream = Start(command);
  Send(*stream, "echo $SHELL $0 $(id -un)\n");
  stream->WritesDone();
  EXPECT_EQ(Collect(*stream).out, "/bin/sh -sh nobody\n");
}

TEST_F(ExecTest, AnotherUserHasThatUsersIdentity) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  exec::v1::Command command = Command({"sh", "-c", "id -u; id -g; id -G; grep CapEff /proc/self/status"});
  command.set_user("1234:4321");
  EXPECT_THAT(Run(command).out, StartsWith("1234\n4321\n4321\nCapEff:\t0000000000000000\n"));
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
