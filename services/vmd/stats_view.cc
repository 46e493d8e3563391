#include "services/vmd/stats_view.h"

#include <google/protobuf/util/time_util.h>

#include "absl/strings/str_cat.h"
#include "common/status/status_macros.h"
#include "services/vmd/convert.h"

namespace banger::vmd {
namespace v1 = banger::vm::v1;
namespace {

v1::VmStats::Host ToProto(const HostUsage& usage) {
  v1::VmStats::Host proto;
  *proto.mutable_cpu_time() =
      google::protobuf::util::TimeUtil::MicrosecondsToDuration(usage.cpu_time.count());
  proto.set_memory_bytes(usage.memory_bytes);
  proto.set_disk_read_bytes(usage.disk_read_bytes);
  proto.set_disk_written_bytes(usage.disk_written_bytes);
  proto.set_network_received_bytes(usage.network_received_bytes);
  proto.set_network_sent_bytes(usage.network_sent_bytes);
  return proto;
}

v1::VmStats::Guest ToProto(const GuestUsage& usage) {
  v1::VmStats::Guest proto;
  proto.set_memory_total_bytes(usage.memory_total_bytes);
  proto.set_memory_available_bytes(usage.memory_available_bytes);
  proto.set_load(usage.load);
  proto.set_rootfs_used_bytes(usage.rootfs_used_bytes);
  proto.set_rootfs_size_bytes(usage.rootfs_size_bytes);
  proto.set_home_used_bytes(usage.home_used_bytes);
  proto.set_home_size_bytes(usage.home_size_bytes);
  return proto;
}

v1::VmStats ToProto(const VmStats& stats) {
  const Vm& vm = stats.view.vm;
  v1::VmStats proto;
  proto.set_name(absl::StrCat("vms/", vm.name));
  proto.set_uid(vm.uid);
  proto.set_state(static_cast<v1::Vm::State>(vm.state));
  proto.set_state_detail(vm.state_detail);
  proto.set_vcpu(vm.sizes.vcpu);
  proto.set_memory_mib(vm.sizes.memory_mib);
  proto.set_disk_used_bytes(stats.view.disk_used_bytes);
  if (stats.cpu_percent.has_value()) proto.set_cpu_percent(*stats.cpu_percent);
  if (stats.host.has_value()) *proto.mutable_host() = ToProto(*stats.host);
  if (stats.guest.has_value()) *proto.mutable_guest() = ToProto(*stats.guest);
  return proto;
}

}  // namespace

absl::StatusOr<v1::GetVmStatsResponse> ListStats(StatsKeeper& stats, const v1::GetVmStatsRequest& request) {
  v1::GetVmStatsResponse response;
  if (request.names().empty()) {
    BANGER_ASSIGN_OR_RETURN(const std::vector<VmStats> all, stats.OfAll());
    for (const VmStats& one : all) *response.add_stats() = ToProto(one);
  }
  for (const std::string& name : request.names()) {
    BANGER_ASSIGN_OR_RETURN(const std::string reference, ParseVmName(name));
    BANGER_ASSIGN_OR_RETURN(const VmStats one, stats.Of(reference));
    *response.add_stats() = ToProto(one);
  }
  return response;
}

}  // namespace banger::vmd
