#include "services/vmd/convert.h"

#include <google/protobuf/util/time_util.h>

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/names.h"
#include "services/vmd/errors.h"

namespace banger::vmd {
namespace v1 = banger::vm::v1;
namespace {

using google::protobuf::util::TimeUtil;

// Stored numbers and wire numbers are the same; see vm.h.
static_assert(static_cast<int>(VmState::kCreated) == v1::Vm::STATE_CREATED);
static_assert(static_cast<int>(VmState::kPaused) == v1::Vm::STATE_PAUSED);
static_assert(static_cast<int>(SizeSource::kRequest) == v1::SizeOrigin::SOURCE_REQUEST);
static_assert(static_cast<int>(SizeSource::kBuiltIn) == v1::SizeOrigin::SOURCE_BUILT_IN);
static_assert(static_cast<int>(NetworkMode::kUser) == v1::Vm::NETWORK_MODE_USER);

static_assert(static_cast<int>(EgressMode::kAll) == egress::v1::Egress::MODE_ALL);
static_assert(static_cast<int>(EgressMode::kListed) == egress::v1::Egress::MODE_LISTED);
static_assert(static_cast<int>(PortProtocol::kTcp) == v1::PublishedPort::PROTOCOL_TCP);
static_assert(static_cast<int>(PortProtocol::kUdp) == v1::PublishedPort::PROTOCOL_UDP);

absl::StatusOr<UpdateVm::Egress> FromProto(const egress::v1::Egress& proto) {
  UpdateVm::Egress egress;
  if (proto.mode() != egress::v1::Egress::MODE_UNSPECIFIED) {
    if (!egress::v1::Egress::Mode_IsValid(proto.mode()))
      return FieldInvalid("egress.mode", absl::StrCat(static_cast<int>(proto.mode()), " is unknown"));
    egress.mode = static_cast<EgressMode>(proto.mode());
  }
  egress.networks.assign(proto.networks().begin(), proto.networks().end());
  egress.domains.assign(proto.domains().begin(), proto.domains().end());
  return egress;
}

absl::Status CheckWorkspace(const std::string& directory) {
  constexpr std::size_t kMaxPath = 4096;
  if (directory.empty()) return absl::OkStatus();
  const auto is_control = [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); };
  if (directory[0] != '/' || directory.size() > kMaxPath ||
      std::any_of(directory.begin(), directory.end(), is_control))
    return FieldInvalid(
        "workspace", absl::StrCat("'", absl::CEscape(directory.substr(0, 64)),
                                  "' is no absolute path of at most 4096 bytes without control characters"));
  return absl::OkStatus();
}

absl::StatusOr<std::vector<std::string>> VmNames(
    const google::protobuf::RepeatedPtrField<std::string>& names) {
  std::vector<std::string> references;
  for (const std::string& name : names) {
    BANGER_ASSIGN_OR_RETURN(const std::string reference, ParseVmName(name));
    references.push_back(reference);
  }
  return references;
}

// Of a request to make or to change a VM.
template <typename Request>
RequestedSizes SizesOf(const Request& request) {
  RequestedSizes sizes;
  if (request.has_vcpu()) sizes.vcpu = request.vcpu();
  if (request.has_memory_mib()) sizes.memory_mib = request.memory_mib();
  if (request.has_disk_size_bytes()) sizes.disk_size_bytes = request.disk_size_bytes();
  if (request.has_rootfs_size_bytes()) sizes.rootfs_size_bytes = request.rootfs_size_bytes();
  return sizes;
}

v1::SizeOrigin ToProto(const SizeOrigin& origin) {
  v1::SizeOrigin proto;
  proto.set_source(static_cast<v1::SizeOrigin::Source>(origin.source));
  proto.set_detail(origin.detail);
  return proto;
}

v1::SizeOrigins ToProto(const SizeOrigins& origins) {
  v1::SizeOrigins proto;
  *proto.mutable_vcpu() = ToProto(origins.vcpu);
  *proto.mutable_memory_mib() = ToProto(origins.memory_mib);
  *proto.mutable_disk_size_bytes() = ToProto(origins.disk_size_bytes);
  *proto.mutable_rootfs_size_bytes() = ToProto(origins.rootfs_size_bytes);
  return proto;
}

v1::NetworkPolicy PolicyToProto(const VmView& view) {
  const NetworkPolicy& policy = view.vm.policy;
  v1::NetworkPolicy proto;
  proto.set_nat(policy.nat);
  proto.mutable_egress()->set_mode(static_cast<egress::v1::Egress::Mode>(policy.egress));
  for (const std::string& network : policy.networks) proto.mutable_egress()->add_networks(network);
  for (const std::string& domain : policy.domains) proto.mutable_egress()->add_domains(domain);
  for (const std::string& name : view.allowed_vms) proto.add_allowed_vms(absl::StrCat("vms/", name));
  return proto;
}

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

absl::StatusOr<SnapshotReference> ParseSnapshotName(const std::string& name) {
  static const std::string kSnapshots = "/snapshots/";
  const std::size_t at = name.find(kSnapshots);
  BANGER_ASSIGN_OR_RETURN(const std::string vm, ParseVmName(name.substr(0, at)));
  if (at == std::string::npos) return SnapshotReference{.vm = vm, .snapshot = ""};
  const std::string snapshot = name.substr(at + kSnapshots.size());
  if (!IsValidVmName(snapshot)) return SnapshotNameInvalid(snapshot);
  return SnapshotReference{.vm = vm, .snapshot = snapshot};
}

absl::StatusOr<CreateVm> FromProto(const v1::CreateVmRequest& request) {
  absl::string_view image = request.image();
  if (!image.empty() && (!absl::ConsumePrefix(&image, "images/") || image.empty()))
    return FieldInvalid("image", absl::StrCat("'", request.image(), "' is not of the form images/NAME"));
  CreateVm create{.name = request.vm_id(), .image = std::string(image), .no_start = request.no_start()};
  create.sizes = SizesOf(request);
  const v1::NetworkPolicy& policy = request.network_policy();
  BANGER_ASSIGN_OR_RETURN(const UpdateVm::Egress egress, FromProto(policy.egress()));
  create.policy = {
      .nat = policy.nat(), .egress = egress.mode, .networks = egress.networks, .domains = egress.domains};
  BANGER_ASSIGN_OR_RETURN(create.allowed_vms, VmNames(policy.allowed_vms()));
  for (const v1::PublishedPort& proto : request.published_ports()) {
    BANGER_ASSIGN_OR_RETURN(const PublishedPort port, FromProto(proto));
    create.ports.push_back(port);
  }
  return create;
}

absl::StatusOr<UpdateVm> FromProto(const v1::UpdateVmRequest& request) {
  UpdateVm update;
  if (request.has_nat()) update.nat = request.nat();
  if (request.has_egress()) {
    BANGER_ASSIGN_OR_RETURN(update.egress, FromProto(request.egress()));
  }
  BANGER_ASSIGN_OR_RETURN(update.allow_vms, VmNames(request.allow_vms()));
  BANGER_ASSIGN_OR_RETURN(update.disallow_vms, VmNames(request.disallow_vms()));
  update.sizes = SizesOf(request);
  if (request.has_workspace()) {
    BANGER_RETURN_IF_ERROR(CheckWorkspace(request.workspace()));
    update.workspace = request.workspace();
  }
  return update;
}

absl::StatusOr<PublishedPort> FromProto(const v1::PublishedPort& proto) {
  PublishedPort port{.host_port = proto.host_port(), .guest_port = proto.guest_port()};
  if (!proto.host_address().empty()) port.host_address = proto.host_address();
  if (!v1::PublishedPort::Protocol_IsValid(proto.protocol()))
    return FieldInvalid("protocol", absl::StrCat(static_cast<int>(proto.protocol()), " is unknown"));
  if (proto.protocol() == v1::PublishedPort::PROTOCOL_UDP) port.protocol = PortProtocol::kUdp;
  return port;
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
  *proto.mutable_size_origins() = ToProto(vm.size_origins);
  proto.set_address(vm.address);
  proto.set_ipv6_address(vm.ipv6_address);
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
  proto.set_workspace(vm.workspace);
  *proto.mutable_network_policy() = PolicyToProto(view);
  for (const VmView::Port& shown : view.ports) {
    v1::PublishedPort& port = *proto.add_published_ports();
    port.set_host_address(shown.port.host_address);
    port.set_host_port(shown.port.host_port);
    port.set_guest_port(shown.port.guest_port);
    port.set_protocol(static_cast<v1::PublishedPort::Protocol>(shown.port.protocol));
    port.set_problem(shown.problem);
  }
  return proto;
}

v1::Snapshot ToProto(const Snapshot& snapshot) {
  v1::Snapshot proto;
  proto.set_name(absl::StrCat("vms/", snapshot.vm, "/snapshots/", snapshot.name));
  *proto.mutable_create_time() = ToTimestamp(snapshot.create_time);
  proto.set_vcpu(snapshot.sizes.vcpu);
  proto.set_memory_mib(snapshot.sizes.memory_mib);
  proto.set_disk_size_bytes(snapshot.sizes.disk_size_bytes);
  proto.set_rootfs_size_bytes(snapshot.sizes.rootfs_size_bytes);
  if (!snapshot.image.empty()) proto.set_image(absl::StrCat("images/", snapshot.image));
  proto.set_kernel(snapshot.kernel.release);
  if (snapshot.machine.has_value()) {
    proto.set_has_memory(true);
    proto.set_vmm(snapshot.machine->vmm.vmm);
    proto.set_vmm_version(snapshot.machine->vmm.version);
  }
  proto.set_used_bytes(snapshot.used_bytes);
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
