#include "cli/commands/vm_event_lines.h"

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
  if (listing_) listed_.insert(vm.uid());
  const std::string detail = vm.state_detail().empty() ? "" : absl::StrCat("   ", OneLine(vm.state_detail()));
  const Known now{IdOf(vm.name()), absl::StrCat(StateText(vm.state()), detail)};
  const auto before = known_.find(vm.uid());
  if (before != known_.end() && before->second.text == now.text) return "";
  known_[vm.uid()] = now;
  return Line(now.name, now.text);
}

std::string VmEventLines::Take(const vm::v1::WatchVmsResponse& response) {
  std::string lines;
  for (const vm::v1::Vm& vm : response.vms()) lines += TakeVm(vm);
  for (const vm::v1::DeletedVm& vm : response.deleted_vms())
    if (known_.erase(vm.uid()) > 0) lines += Line(IdOf(vm.name()), "DELETED");
  if (!response.synced() || !listing_) return lines;
  for (auto vm = known_.begin(); vm != known_.end();) {
    const bool there = listed_.contains(vm->first);
    if (!there) lines += Line(vm->second.name, "DELETED");
    vm = there ? std::next(vm) : known_.erase(vm);
  }
  listing_ = false;
  return lines;
}

}  // namespace banger::cli
