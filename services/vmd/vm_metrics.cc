#include "services/vmd/vm_metrics.h"

#include <prometheus/gauge.h>

#include <map>
#include <string>

#include "absl/strings/ascii.h"
#include "banger/vm/v1/vm.pb.h"
#include "common/log/log.h"

namespace banger::vmd {

void AddVmMetrics(VmManager& vms, prometheus::Registry& registry) {
  const absl::StatusOr<std::map<VmState, int>> counts = vms.CountByState();
  if (!counts.ok()) {
    log::Warn("VMs not counted", {{"error", std::string(counts.status().message())}});
    return;
  }
  auto& family = prometheus::BuildGauge().Name("banger_vms").Help("VMs by their state.").Register(registry);
  const google::protobuf::EnumDescriptor& states = *vm::v1::Vm::State_descriptor();
  for (int i = 0; i < states.value_count(); ++i) {
    const int number = states.value(i)->number();
    if (number == vm::v1::Vm::STATE_UNSPECIFIED) continue;
    const auto found = counts->find(static_cast<VmState>(number));
    const std::string name = states.value(i)->name().substr(sizeof "STATE_" - 1);
    family.Add({{"state", absl::AsciiStrToLower(name)}}).Set(found == counts->end() ? 0 : found->second);
  }
}

}  // namespace banger::vmd
