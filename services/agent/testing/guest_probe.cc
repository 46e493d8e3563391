// guest_probe SOCKET status|sync|poweroff|configure NAME CIDR MAC|exec ARGV...
//
// Talks to a guest's agent over QEMU's character device socket, as vmd does; for
// scripts that boot a VM by hand (docs/boot.md). exec passes stdin when it is no
// terminal, and the exit code.
#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdio>
#include <string>
#include <thread>

#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/guestlink/host_link.h"

namespace banger {
namespace {

using namespace std::chrono_literals;
namespace v1 = guest::v1;

int Report(const grpc::Status& status, const std::string& text) {
  if (status.ok()) {
    std::printf("%s", text.c_str());
    return 0;
  }
  std::fprintf(stderr, "guest_probe: %s\n", status.error_message().c_str());
  return 1;
}

int Exec(v1::GuestService::Stub& stub, int argc, char** argv) {
  grpc::ClientContext context;
  const auto stream = stub.Exec(&context);
  v1::ExecRequest first;
  auto* command = first.mutable_input()->mutable_command();
  for (int i = 0; i < argc; ++i) command->add_argv(argv[i]);
  command->set_stdin(::isatty(0) == 0);
  stream->Write(first);
  std::thread input;
  if (command->stdin()) {
    input = std::thread([&stream] {
      char bytes[32768];
      for (ssize_t n; (n = ::read(0, bytes, sizeof bytes)) > 0;) {
        v1::ExecRequest request;
        request.mutable_input()->set_stdin(bytes, static_cast<std::size_t>(n));
        if (!stream->Write(request)) return;
      }
      stream->WritesDone();
    });
    input.detach();  // may block in read for ever
  }
  int code = 1;
  for (v1::ExecResponse response; stream->Read(&response);) {
    const auto& output = response.output();
    std::fwrite(output.stdout().data(), 1, output.stdout().size(), stdout);
    std::fwrite(output.stderr().data(), 1, output.stderr().size(), stderr);
    if (output.has_exited()) code = output.exited().exit_code();
  }
  const int failed = Report(stream->Finish(), "");
  std::fflush(nullptr);
  ::_exit(failed != 0 ? 255 : code);
}

int Configure(v1::GuestService::Stub& stub, char** argv) {
  grpc::ClientContext context;
  v1::ConfigureRequest request;
  request.set_hostname(argv[0]);
  request.mutable_interface()->set_address(argv[1]);
  request.mutable_interface()->set_mac(argv[2]);
  request.mutable_time()->set_seconds(std::time(nullptr));
  v1::ConfigureResponse response;
  const grpc::Status status = stub.Configure(&context, request, &response);
  return Report(status, response.DebugString());
}

int Run(int argc, char** argv) {
  if (argc < 3) return 2;
  ::signal(SIGPIPE, SIG_IGN);
  auto link = guestlink::HostLink::Connect(argv[1], std::chrono::steady_clock::now() + 60s, {});
  if (!link.ok()) {
    std::fprintf(stderr, "guest_probe: %s\n", link.status().ToString().c_str());
    return 1;
  }
  const auto channel = grpc::CreateInsecureChannelFromFd("guest", (*link)->TakeStream().Release());
  const auto stub = v1::GuestService::NewStub(channel);
  const std::string what = argv[2];
  if (what == "exec") return Exec(*stub, argc - 3, argv + 3);
  if (what == "configure" && argc == 6) return Configure(*stub, argv + 3);
  grpc::ClientContext context;
  if (what == "poweroff") {
    v1::PowerOffResponse response;
    return Report(stub->PowerOff(&context, {}, &response), "");
  }
  if (what == "sync") {
    v1::SyncResponse response;
    return Report(stub->Sync(&context, {}, &response), "");
  }
  v1::GetStatusResponse response;
  const grpc::Status status = stub->GetStatus(&context, {}, &response);
  return Report(status, response.DebugString());
}

}  // namespace
}  // namespace banger

int main(int argc, char** argv) { return banger::Run(argc, argv); }
