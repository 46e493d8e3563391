// What banger adds to a command in a guest, and what a VM costs vmd.
//
//   exec_bench [ROUNDS]
//
// RESULT exec_round_trip: a call that runs `true` through gateway and vmd, against
// the same call to the agent of a bare VMM over its channel; medians, in turns.
// RESULT vmd_memory_per_vm: what vmd's private memory grows by with each VM that
// runs, against 1 MiB.
#include <cstdio>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/status/status_macros.h"
#include "tests/bench/bare_vmm.h"
#include "tests/bench/vm_timing.h"
#include "tests/e2e/daemon_figures.h"

namespace banger::e2e {
namespace {

constexpr int kVms = 20;

// How long until the command has ended, told by `Request`'s service.
template <typename Request, typename Response, typename Stub>
absl::StatusOr<double> TimeExec(
    Stub& stub,
    std::unique_ptr<grpc::ClientReaderWriter<Request, Response>> (Stub::*method)(grpc::ClientContext*),
    Request request) {
  const Clock::time_point start = Clock::now();
  grpc::ClientContext context;
  const auto stream = (stub.*method)(&context);
  request.mutable_input()->mutable_command()->add_argv("true");
  stream->Write(request);
  int code = -1;
  for (Response response; stream->Read(&response);)
    if (response.output().has_exited()) code = response.output().exited().exit_code();
  if (!stream->Finish().ok() || code != 0) return absl::InternalError("'true' failed");
  return Seconds(Clock::now() - start);
}

absl::Status CompareExec(const Instance& instance, int rounds) {
  BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "create", "--name", "model", "--image", "mini"}).status());
  BANGER_ASSIGN_OR_RETURN(const BareVmm bare, BareVmm::Like(instance, "model"));
  BANGER_ASSIGN_OR_RETURN(const BareVmm::Running guest, bare.Boot());
  const auto ours = vm::v1::VmService::NewStub(rpc::ConnectDaemon(instance.root() / "run" / "gateway.sock"));
  const auto theirs = guest::v1::GuestService::NewStub(guest.agent);
  vm::v1::ExecVmRequest request;
  request.set_name("vms/model");
  Pairs pairs;
  for (int i = 0; i < rounds; ++i) {
    BANGER_ASSIGN_OR_RETURN(const double through, TimeExec(*ours, &vm::v1::VmService::Stub::ExecVm, request));
    BANGER_ASSIGN_OR_RETURN(const double direct, TimeExec(*theirs, &guest::v1::GuestService::Stub::Exec,
                                                          guest::v1::ExecRequest()));
    pairs.Add(through * 1e3, direct * 1e3);
  }
  pairs.Print("exec_round_trip", "ms");
  return Run(instance, {"vm", "delete", "--force", "model"}).status();
}

// After a first one, which makes what is made once.
absl::Status MeasureMemory(const Instance& instance) {
  const auto create = [&](int i) {
    return Run(instance, {"vm", "create", "--name", absl::StrCat("vm-", i), "--image", "mini"}).status();
  };
  BANGER_RETURN_IF_ERROR(create(0));
  BANGER_ASSIGN_OR_RETURN(const DaemonFigures before, FiguresOf(instance, "vmd"));
  for (int i = 1; i <= kVms; ++i) BANGER_RETURN_IF_ERROR(create(i));
  BANGER_ASSIGN_OR_RETURN(const DaemonFigures after, FiguresOf(instance, "vmd"));
  for (int i = 0; i <= kVms; ++i)
    BANGER_RETURN_IF_ERROR(Run(instance, {"vm", "delete", "--force", absl::StrCat("vm-", i)}).status());
  const double each = (after.private_mib - before.private_mib) / kVms;
  std::printf("RESULT vmd_memory_per_vm %.3f 1 %.3f MiB\n", each, each);
  return absl::OkStatus();
}

absl::Status Bench(int rounds) {
  BANGER_ASSIGN_OR_RETURN(
      const Instance instance,
      Instance::Start({.netd = false, .config = "[vm_defaults]\nvcpu = 1\nmemory_mib = 128\n"}));
  BANGER_RETURN_IF_ERROR(instance.ImportKernel());
  BANGER_RETURN_IF_ERROR(CompareExec(instance, rounds));
  return MeasureMemory(instance);
}

}  // namespace
}  // namespace banger::e2e

int main(int argc, char** argv) {
  const absl::Status status = banger::e2e::Bench(argc > 1 ? std::atoi(argv[1]) : 101);
  if (!status.ok()) std::fprintf(stderr, "exec_bench: %s\n", std::string(status.message()).c_str());
  return status.ok() ? 0 : 1;
}
