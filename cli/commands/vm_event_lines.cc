#include "cli/commands/vm_event_lines.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "cli/commands/vm_table.h"
#include "cli/names.h"
#include "cli/output/text.h"

namespace banger::cli {
namespace {

std::string Line(const std::string& name, const std::string& text) {
  return absl::StrCat(OneLine(name), "   ", text, "\n");
}

}  // namespace

std::string VmEventLines::TakeVm(const vm::v1::Vm& vm) {
  const std::string detail = vm.state_detail().empty() ? "" : absl::StrCat("   ", OneLine(vm.state_detail()));
  const std::string text = absl::StrCat(StateText(vm.state()), detail);
  std::string& known = known_[vm.uid()];
  return std::exchange(known, text) == text ? "" : Line(IdOf(vm.name()), text);
}

std::string VmEventLines::Take(const vm::v1::WatchVmsResponse& response) {
  std::string lines;
  for (const vm::v1::Vm& vm : response.vms()) lines += TakeVm(vm);
  for (const vm::v1::DeletedVm& vm : response.deleted_vms())
    if (known_.erase(vm.uid()) > 0) lines += Line(IdOf(vm.name()), "DELETED");
  return lines;
}

}  // namespace banger::cli
