#include "services/vmd/exec_forwarder.h"

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

// As the agent reads it: "USER[:GROUP]", by name or number; the image may have none.
bool IsRoot(absl::string_view user) {
  user = user.substr(0, user.find(':'));
  return user.empty() || user == "root" || user == "0";
}

// It is below /root, where only root may be, whoever the image's user is.
void EnterWorkspace(const Vm& vm, exec::v1::Command& command) {
  if (command.user().empty() && !IsRoot(vm.exec.user)) command.set_user("0");
  if (IsRoot(command.user())) command.set_working_dir(vm.workspace);
}

}  // namespace

absl::Status ForwardExec(VmManager& vms, GuestLinks& guests, const rpc::Call& call, ExecStream& caller) {
  std::optional<vm_v1::ExecVmRequest> first = caller.Read();
  if (!first.has_value() || !first->input().has_command())
    return FieldInvalid("input", "of the first message has no command");
  BANGER_ASSIGN_OR_RETURN(const ReachedGuest reached, ReachGuest(vms, guests, first->name(), call.stop));

  guest_v1::ExecRequest request;
  request.mutable_input()->Swap(first->mutable_input());
  exec::v1::Command& command = *request.mutable_input()->mutable_command();
  if (!reached.vm.workspace.empty() && command.working_dir().empty()) EnterWorkspace(reached.vm, command);
  rpc::ClientCall guest_call(call);
  const auto guest = guest_v1::GuestService::NewStub(reached.channel)->Exec(guest_call.context());
  // A failed write shows in Finish.
  guest->Write(request);
  const grpc::Status ended = ForwardStreams(
      caller, *guest, *guest_call.context(),
      [](vm_v1::ExecVmRequest& from, guest_v1::ExecRequest& to) {
        to.mutable_input()->Swap(from.mutable_input());
      },
      [](guest_v1::ExecResponse& from, vm_v1::ExecVmResponse& to) {
        to.mutable_output()->Swap(from.mutable_output());
      });
  return EndOfGuestCall(reached.vm.name, "the command ran", ended);
}

}  // namespace banger::vmd
