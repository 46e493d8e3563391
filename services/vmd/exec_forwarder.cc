#include "services/vmd/exec_forwarder.h"

#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/vmd/convert.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace guest_v1 = banger::guest::v1;
namespace vm_v1 = banger::vm::v1;
namespace {

// A guest that runs answers at once; one that is wedged should not hold a caller.
constexpr std::chrono::seconds kConnectTimeout{15};

using GuestStream = grpc::ClientReaderWriter<guest_v1::ExecRequest, guest_v1::ExecResponse>;

void ForwardInput(ExecStream& caller, GuestStream& guest) {
  while (std::optional<vm_v1::ExecVmRequest> request = caller.Read()) {
    guest_v1::ExecRequest forwarded;
    forwarded.mutable_input()->Swap(request->mutable_input());
    if (!guest.Write(forwarded)) return;
  }
  guest.WritesDone();
}

absl::Status Forward(ExecStream& caller, GuestStream& guest, grpc::ClientContext* context) {
  std::thread input([&] { ForwardInput(caller, guest); });
  guest_v1::ExecResponse response;
  while (guest.Read(&response)) {
    vm_v1::ExecVmResponse forwarded;
    forwarded.mutable_output()->Swap(response.mutable_output());
    if (caller.Send(std::move(forwarded))) continue;
    context->TryCancel();
    break;
  }
  // A write that the guest no longer takes fails once its stream has ended.
  caller.StopReading();
  input.join();
  return rpc::FromGrpc(guest.Finish());
}

}  // namespace

absl::Status ForwardExec(VmManager& vms, GuestLinks& guests, const rpc::Call& call, ExecStream& caller) {
  std::optional<vm_v1::ExecVmRequest> first = caller.Read();
  if (!first.has_value() || !first->input().has_command())
    return FieldInvalid("input", "of the first message has no command");
  BANGER_ASSIGN_OR_RETURN(const std::string name, ParseVmName(first->name()));
  BANGER_ASSIGN_OR_RETURN(const Vm vm, vms.RequireRunning(name));
  const auto channel = guests.Channel(vm.uid, kConnectTimeout, call.stop);
  if (absl::IsDeadlineExceeded(channel.status()) || absl::IsUnavailable(channel.status()))
    return GuestUnreachable(vm.name, std::string(channel.status().message()));
  BANGER_RETURN_IF_ERROR(channel.status());

  guest_v1::ExecRequest request;
  request.mutable_input()->Swap(first->mutable_input());
  rpc::ClientCall guest_call(call);
  const auto guest = guest_v1::GuestService::NewStub(*channel)->Exec(guest_call.context());
  // A failed write shows in Finish.
  guest->Write(request);
  const absl::Status status = Forward(caller, *guest, guest_call.context());
  if (absl::IsUnavailable(status))
    return GuestUnreachable(vm.name, "the connection to its agent was lost while the command ran");
  return status;
}

}  // namespace banger::vmd
