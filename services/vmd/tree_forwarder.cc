#include "services/vmd/tree_forwarder.h"

#include <optional>
#include <utility>

#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/status/status_macros.h"
#include "services/vmd/errors.h"
#include "services/vmd/guest_call.h"

namespace banger::vmd {
namespace guest_v1 = banger::guest::v1;
namespace vm_v1 = banger::vm::v1;
namespace {

void ToCaller(guest_v1::ReadTreeResponse& from, vm_v1::ReadVmTreeResponse& to) {
  if (from.has_root()) to.mutable_root()->Swap(from.mutable_root());
  if (from.has_chunk()) to.set_allocated_chunk(from.release_chunk());
  if (from.has_summary()) to.mutable_summary()->Swap(from.mutable_summary());
}

}  // namespace

absl::Status ForwardReadTree(VmManager& vms, GuestLinks& guests, const rpc::Call& call,
                             const vm_v1::ReadVmTreeRequest& request, ReadTreeWriter& caller) {
  BANGER_ASSIGN_OR_RETURN(const ReachedGuest reached, ReachGuest(vms, guests, request.name(), call.stop));
  guest_v1::ReadTreeRequest forwarded;
  *forwarded.mutable_source() = request.source();
  rpc::ClientCall guest_call(call);
  const auto guest =
      guest_v1::GuestService::NewStub(reached.channel)->ReadTree(guest_call.context(), forwarded);
  guest_v1::ReadTreeResponse response;
  while (guest->Read(&response)) {
    vm_v1::ReadVmTreeResponse to;
    ToCaller(response, to);
    if (caller.Send(std::move(to))) continue;
    guest_call.context()->TryCancel();
    break;
  }
  return EndOfGuestCall(reached.vm.name, "it sent files", guest->Finish());
}

absl::Status ForwardWriteTree(VmManager& vms, GuestLinks& guests, const rpc::Call& call,
                              WriteTreeStream& caller) {
  std::optional<vm_v1::WriteVmTreeRequest> first = caller.Read();
  if (!first.has_value() || !first->has_spec()) return FieldInvalid("spec", "is not in the first message");
  BANGER_ASSIGN_OR_RETURN(const ReachedGuest reached,
                          ReachGuest(vms, guests, first->spec().name(), call.stop));
  guest_v1::WriteTreeRequest request;
  request.mutable_target()->Swap(first->mutable_spec()->mutable_target());
  rpc::ClientCall guest_call(call);
  const auto guest = guest_v1::GuestService::NewStub(reached.channel)->WriteTree(guest_call.context());
  // A failed write shows in Finish.
  guest->Write(request);
  const grpc::Status ended = ForwardStreams(
      caller, *guest, *guest_call.context(),
      [](vm_v1::WriteVmTreeRequest& from, guest_v1::WriteTreeRequest& to) {
        to.set_allocated_chunk(from.release_chunk());
      },
      [](guest_v1::WriteTreeResponse& from, vm_v1::WriteVmTreeResponse& to) {
        if (from.has_progress()) to.mutable_progress()->Swap(from.mutable_progress());
        if (from.has_summary()) to.mutable_summary()->Swap(from.mutable_summary());
      });
  return EndOfGuestCall(reached.vm.name, "it took files", ended);
}

}  // namespace banger::vmd
