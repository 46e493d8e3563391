#pragma once

#include "absl/status/status.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "common/rpc/server_call.h"
#include "services/vmd/adapters/guest_links.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

using ReadTreeWriter = rpc::Writer<vm::v1::ReadVmTreeResponse>;
using WriteTreeStream = rpc::Stream<vm::v1::WriteVmTreeRequest, vm::v1::WriteVmTreeResponse>;

// Carry one ReadVmTree or WriteVmTree call to the guest's agent and back, at the
// slower end's pace.
absl::Status ForwardReadTree(VmManager& vms, GuestLinks& guests, const rpc::Call& call,
                             const vm::v1::ReadVmTreeRequest& request, ReadTreeWriter& caller);
absl::Status ForwardWriteTree(VmManager& vms, GuestLinks& guests, const rpc::Call& call,
                              WriteTreeStream& caller);

}  // namespace banger::vmd
