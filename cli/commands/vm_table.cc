#include "cli/commands/vm_table.h"

#include "absl/strings/str_cat.h"
#include "cli/names.h"
#include "cli/output/table.h"
#include "cli/output/text.h"
#include "cli/output/time.h"

namespace banger::cli {

std::string StateText(vm::v1::Vm::State state) {
  const std::string prefix = "STATE_";
  const std::string name = vm::v1::Vm::State_Name(state);
  return name.empty() ? absl::StrCat(static_cast<int>(state)) : name.substr(prefix.size());
}

bool IsUp(const vm::v1::Vm& vm) {
  return vm.state() == vm::v1::Vm::STATE_RUNNING || vm.state() == vm::v1::Vm::STATE_STARTING ||
         vm.state() == vm::v1::Vm::STATE_STOPPING || vm.state() == vm::v1::Vm::STATE_PAUSED;
}

std::string VmTable(const vm::v1::ListVmsResponse& vms, std::chrono::system_clock::time_point now) {
  Table table({"ID", "NAME", "STATE", "IMAGE", "IP", "VCPU", "MEM", "DISK", "WORKSPACE", "CREATED"});
  for (const vm::v1::Vm& vm : vms.vms())
    table.AddRow({vm.uid(), IdOf(vm.name()), StateText(vm.state()), IdOf(vm.image()), vm.address(),
                  absl::StrCat(vm.vcpu()), HumanSize(vm.memory_mib() << 20), HumanSize(vm.disk_size_bytes()),
                  vm.workspace(), HumanAge(ToTime(vm.create_time()), now)});
  return table.Render();
}

}  // namespace banger::cli
