#pragma once

#include <grpcpp/grpcpp.h>

#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "cli/testing/fake_state.h"

namespace banger::cli {

// A guest's files: those below state.guest_root. Gives state.hostile_tar instead
// where there is one, and no summary with state.no_summary.
grpc::Status ReadFakeTree(FakeState& state, const vm::v1::ReadVmTreeRequest& request,
                          grpc::ServerWriter<vm::v1::ReadVmTreeResponse>& writer);
grpc::Status WriteFakeTree(
    FakeState& state,
    grpc::ServerReaderWriter<vm::v1::WriteVmTreeResponse, vm::v1::WriteVmTreeRequest>& stream);

}  // namespace banger::cli
