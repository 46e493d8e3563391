#include "services/vmd/convert.h"

#include <google/protobuf/util/time_util.h>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace v1 = banger::vm::v1;
namespace {

using google::protobuf::util::TimeUtil;

// Stored numbers and wire numbers are the same; see vm.h.
static_assert(static_cast<int>(VmState::kCreated) == v1::Vm::STATE_CREATED);
static_assert(static_cast<int>(VmState::kError) == v1::Vm::STATE_ERROR);
static_assert(static_cast<int>(NetworkMode::kUser) == v1::Vm::NETWORK_MODE_USER);

google::protobuf::Timestamp ToTimestamp(Time time) {
  return TimeUtil::MicrosecondsToTimestamp(
      std::chrono::duration_cast<std::chrono::microseconds>(time.time_since_epoch()).count());
}

}  // namespace

absl::StatusOr<std::string> ParseVmName(const std::string& name) {
  absl::string_view id = name;
  if (!absl::ConsumePrefix(&id, "vms/")) return VmNameInvalid(name);
  return std::string(id);
}

absl::StatusOr<CreateVm> FromProto(const v1::CreateVmRequest& request) {
  absl::string_view image = request.image();
  if (!image.empty() && (!absl::ConsumePrefix(&image, "images/") || image.empty()))
    return FieldInvalid("image", absl::StrCat("'", request.image(), "' is not of the form images/NAME"));
  CreateVm create{.name = request.vm_id(), .image = std::string(image), .no_start = request.no_start()};
  if (request.has_vcpu()) create.sizes.vcpu = request.vcpu();
  if (request.has_memory_mib()) create.sizes.memory_mib = request.memory_mib();
  if (request.has_disk_size_bytes()) create.sizes.disk_size_bytes = request.disk_size_bytes();
  if (request.has_rootfs_size_bytes()) create.sizes.rootfs_size_bytes = request.rootfs_size_bytes();
  return create;
}

absl::StatusOr<std::chrono::milliseconds> ParseStopTimeout(bool set,
                                                           const google::protobuf::Duration& timeout) {
  if (!set) return std::chrono::milliseconds(VmManager::kStopTimeout);
  if (timeout.seconds() < 0 || timeout.nanos() < 0 || timeout.seconds() > 24 * 3600)
    return FieldInvalid("timeout", absl::StrCat(timeout.seconds(), " s is not between 0 and a day"));
  return std::chrono::milliseconds(TimeUtil::DurationToMilliseconds(timeout));
}

v1::Vm ToProto(const VmView& view) {
  const Vm& vm = view.vm;
  v1::Vm proto;
  proto.set_name(absl::StrCat("vms/", vm.name));
  proto.set_uid(vm.uid);
  proto.set_state(static_cast<v1::Vm::State>(vm.state));
  proto.set_state_detail(vm.state_detail);
  proto.set_image(absl::StrCat("images/", vm.image));
  proto.set_vcpu(vm.sizes.vcpu);
  proto.set_memory_mib(vm.sizes.memory_mib);
  proto.set_disk_size_bytes(vm.sizes.disk_size_bytes);
  proto.set_rootfs_size_bytes(vm.sizes.rootfs_size_bytes);
  proto.set_address(vm.address);
  proto.set_mac(vm.mac);
  proto.set_network_mode(static_cast<v1::Vm::NetworkMode>(vm.network_mode));
  proto.set_vmm(view.vmm);
  proto.set_pid(view.pid);
  *proto.mutable_create_time() = ToTimestamp(vm.create_time);
  if (vm.start_time != Time()) {
    *proto.mutable_start_time() = ToTimestamp(vm.start_time);
    *proto.mutable_boot_duration() = TimeUtil::MillisecondsToDuration(vm.boot_duration.count());
  }
  proto.set_disk_used_bytes(view.disk_used_bytes);
  return proto;
}

progress::v1::Progress ToProto(const Progress& progress) {
  progress::v1::Progress proto;
  proto.set_stage(progress.stage);
  proto.set_detail(progress.detail);
  proto.set_warning(progress.warning);
  return proto;
}

}  // namespace banger::vmd
