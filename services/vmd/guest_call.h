// Calls that vmd carries to a guest's agent and back.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "common/rpc/error_mapping.h"
#include "common/rpc/server_call.h"
#include "services/vmd/adapters/guest_links.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

// A running VM's agent. The VM is in use as long as this lives.
struct ReachedGuest {
  VmInUse vm;
  std::shared_ptr<grpc::Channel> channel;
};

// `name` is "vms/x". VM_NOT_RUNNING; GUEST_UNREACHABLE when its agent does not answer.
absl::StatusOr<ReachedGuest> ReachGuest(VmManager& vms, GuestLinks& guests, const std::string& name,
                                        const std::stop_token& stop);

// What such a call ended with: a connection that was lost on the way is
// GUEST_UNREACHABLE; `what` was being done. Whoever called takes a reason and metadata
// for the host's word: of a guest's only the reasons of its agent pass, with the VM as
// metadata, any other is GUEST_FAILED.
absl::Status EndOfGuestCall(const std::string& vm, const std::string& what, const grpc::Status& status);

// Carries one call of two streams until the guest ends it: nothing is buffered, so
// the slower end sets the pace, and an end of either side is the end of the other.
// `to_guest` and `to_caller` move what a message holds into the other end's.
template <typename In, typename Out, typename GuestIn, typename GuestOut, typename ToGuest, typename ToCaller>
grpc::Status ForwardStreams(rpc::Stream<In, Out>& caller, grpc::ClientReaderWriter<GuestIn, GuestOut>& guest,
                            grpc::ClientContext& context, ToGuest to_guest, ToCaller to_caller) {
  std::thread input([&] {
    while (std::optional<In> request = caller.Read()) {
      GuestIn forwarded;
      to_guest(*request, forwarded);
      if (!guest.Write(forwarded)) return;
    }
    guest.WritesDone();
  });
  GuestOut response;
  while (guest.Read(&response)) {
    Out forwarded;
    to_caller(response, forwarded);
    if (caller.Send(std::move(forwarded))) continue;
    context.TryCancel();
    break;
  }
  // A write that the guest no longer takes fails once its stream has ended.
  caller.StopReading();
  input.join();
  return guest.Finish();
}

}  // namespace banger::vmd
