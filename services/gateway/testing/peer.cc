// A process that the tests kill.
//
//   gateway_test_peer vmd SOCKET      serves a FakeVmd
//   gateway_test_peer client SOCKET   hangs in a call, through the gateway
//
// Prints "ready" when it is, and as a server "hangs" for each call that does. Goes
// when its stdin ends.
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "common/rpc/channel.h"
#include "common/rpc/metrics_service.h"
#include "services/gateway/testing/fake_vmd.h"

namespace banger::gateway {
namespace {

void Say(const char* what) {
  std::puts(what);
  std::fflush(stdout);
}

void AwaitEnd() {
  Say("ready");
  char byte = 0;
  while (::read(STDIN_FILENO, &byte, 1) > 0) {
  }
}

int ServeUntilEnd(const char* socket) {
  FakeVmd vmd;
  vmd.on_hang = [] { Say("hangs"); };
  rpc::DaemonService self("vmd");
  rpc::DaemonMetrics metrics;
  rpc::MetricsService shown(metrics, {});
  const auto server = ServeVmd(socket, {&vmd, &self, &shown});
  if (!server.ok()) return 1;
  AwaitEnd();
  return 0;
}

int CallUntilEnd(const char* socket) {
  const auto stub = vm::v1::VmService::NewStub(rpc::ConnectDaemon(socket));
  grpc::ClientContext context;
  const auto stream = stub->ExecVm(&context);
  vm::v1::ExecVmRequest request;
  request.set_name("vms/hang");
  if (!stream->Write(request)) return 1;
  AwaitEnd();
  ::_exit(0);
}

}  // namespace
}  // namespace banger::gateway

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  return argv[1][0] == 'v' ? banger::gateway::ServeUntilEnd(argv[2]) : banger::gateway::CallUntilEnd(argv[2]);
}
