#pragma once

#include "absl/status/status.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "common/rpc/server_call.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

// Sends all VMs, then each change, until the caller has left or is too slow.
absl::Status StreamVms(VmManager& vms, const vm::v1::WatchVmsRequest& request, const rpc::Call& call,
                       rpc::Writer<vm::v1::WatchVmsResponse>& out);

}  // namespace banger::vmd
