// The agent's GuestService behind a real link, and what a caller of Exec does there.
#pragma once

#include <grpc/grpc.h>
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <sys/socket.h>

#include <csignal>
#include <memory>
#include <string>
#include <vector>

#include "common/guestlink/guest_port.h"
#include "common/guestlink/host_link.h"
#include "common/rpc/error_mapping.h"
#include "common/testing/status_matchers.h"
#include "services/agent/guest_service.h"

namespace banger::agent {

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
        link_, guestlink::HostLink::Greet(UniqueFd(fds[1]),
                                          std::chrono::steady_clock::now() + std::chrono::seconds(10), {}));
    channel_ = grpc::CreateInsecureChannelFromFd("guest", link_->TakeStream().Release());
    stub_ = v1::GuestService::NewStub(channel_);
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
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

}  // namespace banger::agent
