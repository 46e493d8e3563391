// Between the API's messages and core's types.
#pragma once

#include <chrono>
#include <string>

#include "absl/status/statusor.h"
#include "banger/vm/v1/vm_service.pb.h"
#include "services/vmd/core/vm.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

// "vms/x" to "x". VM_NAME_INVALID without the prefix.
absl::StatusOr<std::string> ParseVmName(const std::string& name);

absl::StatusOr<CreateVm> FromProto(const vm::v1::CreateVmRequest& request);
absl::StatusOr<UpdateVm> FromProto(const vm::v1::UpdateVmRequest& request);
absl::StatusOr<PublishedPort> FromProto(const vm::v1::PublishedPort& port);

// The default when unset. FIELD_INVALID for what is negative or beyond a day.
absl::StatusOr<std::chrono::milliseconds> ParseStopTimeout(bool set,
                                                           const google::protobuf::Duration& timeout);

vm::v1::Vm ToProto(const VmView& view);
progress::v1::Progress ToProto(const Progress& progress);

}  // namespace banger::vmd
