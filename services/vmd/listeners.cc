#include "services/vmd/listeners.h"

#include <algorithm>
#include <chrono>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/status/status_macros.h"
#include "services/vmd/guest_call.h"

namespace banger::vmd {
namespace guest_v1 = banger::guest::v1;
namespace vm_v1 = banger::vm::v1;
namespace {

bool IsLoopback(const std::string& address) {
  return address == "::1" || absl::StartsWith(address, "127.") || absl::StartsWith(address, "::ffff:7f");
}

vm_v1::Listener Describe(const guest_v1::Listener& from, const VmView& view) {
  vm_v1::Listener listener;
  listener.set_protocol(from.datagrams() ? vm_v1::PublishedPort::PROTOCOL_UDP
                                         : vm_v1::PublishedPort::PROTOCOL_TCP);
  listener.set_address(from.address());
  listener.set_port(from.port());
  listener.set_pid(from.pid());
  listener.set_process(from.process());
  if (view.vm.network_mode == NetworkMode::kBridge && !IsLoopback(from.address()))
    listener.set_endpoint(absl::StrCat(view.vm.name, ".vm:", from.port()));
  const PortProtocol protocol = from.datagrams() ? PortProtocol::kUdp : PortProtocol::kTcp;
  for (const VmView::Port& published : view.ports) {
    if (published.port.guest_port == from.port() && published.port.protocol == protocol &&
        published.problem.empty())
      listener.add_published(absl::StrCat(published.port.host_address, ":", published.port.host_port));
  }
  return listener;
}

}  // namespace

absl::StatusOr<vm_v1::GetVmListenersResponse> FindListeners(VmManager& vms, GuestLinks& guests,
                                                            const rpc::Call& call,
                                                            const vm_v1::GetVmListenersRequest& request) {
  BANGER_ASSIGN_OR_RETURN(const ReachedGuest reached, ReachGuest(vms, guests, request.name(), call.stop));
  rpc::ClientCall guest_call(call);
  // It may be wedged, and nobody waits for a list as for a command.
  constexpr std::chrono::seconds kPatience{20};
  guest_call.context()->set_deadline(std::min(call.deadline, std::chrono::system_clock::now() + kPatience));
  guest_v1::GetListenersResponse found;
  const grpc::Status asked =
      guest_v1::GuestService::NewStub(reached.channel)->GetListeners(guest_call.context(), {}, &found);
  BANGER_RETURN_IF_ERROR(EndOfGuestCall(reached.vm.name, "it was asked for its listeners", asked));
  BANGER_ASSIGN_OR_RETURN(const VmView view, vms.Get(reached.vm.name));
  vm_v1::GetVmListenersResponse response;
  response.set_name(absl::StrCat("vms/", reached.vm.name));
  for (const guest_v1::Listener& listener : found.listeners())
    *response.add_listeners() = Describe(listener, view);
  return response;
}

}  // namespace banger::vmd
