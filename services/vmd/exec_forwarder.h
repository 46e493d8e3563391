#pragma once

#include "absl/status/status.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "common/rpc/server_call.h"
#include "services/vmd/adapters/guest_links.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

using ExecStream = rpc::Stream<vm::v1::ExecVmRequest, vm::v1::ExecVmResponse>;

// Carries one ExecVm call to the guest's agent and back until the command has
// ended: nothing is buffered, so the slower end sets the pace, and an end of
// either side is the end of the other.
absl::Status ForwardExec(VmManager& vms, GuestLinks& guests, const rpc::Call& call, ExecStream& caller);

}  // namespace banger::vmd
