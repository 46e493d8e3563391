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

// "vms/x/snapshots/y"; `snapshot` is empty of "vms/x". VM_NAME_INVALID,
// SNAPSHOT_NAME_INVALID.
struct SnapshotReference {
  std::string vm;
  std::string snapshot;
};
absl::StatusOr<SnapshotReference> ParseSnapshotName(const std::string& name);

vm::v1::Vm ToProto(const VmView& view);
vm::v1::Snapshot ToProto(const Snapshot& snapshot);
progress::v1::Progress ToProto(const Progress& progress);

}  // namespace banger::vmd
