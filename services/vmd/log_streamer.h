#pragma once

#include "absl/status/status.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "common/rpc/server_call.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

// Sends a VM's console log; when following, over its stops and starts, until the
// caller has left or the VM is deleted.
absl::Status StreamLog(VmManager& vms, const VmFiles& files, const vm::v1::ReadVmLogRequest& request,
                       const rpc::Call& call, rpc::Writer<vm::v1::ReadVmLogResponse>& out);

}  // namespace banger::vmd
