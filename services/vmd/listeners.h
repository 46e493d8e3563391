#pragma once

#include "absl/status/statusor.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "common/rpc/call.h"
#include "services/vmd/adapters/guest_links.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

// One GetVmListeners call: what the guest's agent tells, and how it is reached.
absl::StatusOr<vm::v1::GetVmListenersResponse> FindListeners(VmManager& vms, GuestLinks& guests,
                                                             const rpc::Call& call,
                                                             const vm::v1::GetVmListenersRequest& request);

}  // namespace banger::vmd
