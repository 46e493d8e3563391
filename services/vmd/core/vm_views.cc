// The part of VmManager that shows VMs.
#include <limits>

#include "common/log/log.h"
#include "common/status/status_macros.h"
#include "services/vmd/core/vm_manager.h"
#include "services/vmd/errors.h"

namespace banger::vmd {

VmView VmManager::View(const Vm& vm) const {
  AllPorts ports;
  if (const absl::StatusOr<std::vector<PublishedPort>> own = ports_.store.PortsOf(vm.uid); own.ok())
    for (const PublishedPort& port : *own) ports.emplace(vm.uid, port);
  return View(vm, ports);
}

VmView VmManager::View(const Vm& vm, const AllPorts& ports) const {
  VmView view{.vm = vm, .disk_used_bytes = ports_.files.DiskUsed(vm.uid)};
  if (const std::optional<VmmProcess> process = ports_.vmm.Running(vm.uid)) {
    view.vmm = process->vmm;
    view.pid = process->pid;
  }
  if (vm.state == VmState::kRunning && vm.state_detail.empty()) {
    const MutexLock lock(problems_mutex_);
    if (const auto problem = problems_.find(vm.uid); problem != problems_.end())
      view.vm.state_detail = problem->second;
  }
  if (IsDoomed(vm.uid)) {
    view.vm.state = VmState::kStopping;
    view.vm.state_detail = "it is being deleted";
  }
  AddNetworkTo(view, ports);
  return view;
}

absl::StatusOr<VmView> VmManager::ViewOf(const std::string& uid) const {
  BANGER_ASSIGN_OR_RETURN(const std::optional<Vm> vm, ports_.store.Find(uid));
  if (!vm.has_value()) return VmNotFound(uid);
  return View(*vm);
}

absl::StatusOr<VmView> VmManager::Get(const std::string& reference) {
  BANGER_ASSIGN_OR_RETURN(const Vm vm, Resolve(reference));
  return View(vm);
}

absl::StatusOr<std::vector<VmView>> VmManager::List(const std::string& after, std::size_t limit,
                                                    Which which) {
  BANGER_ASSIGN_OR_RETURN(const std::vector<Vm> rows, ports_.store.List(after, limit, which));
  BANGER_ASSIGN_OR_RETURN(const AllPorts ports, ports_.store.AllPorts());
  std::vector<VmView> views;
  views.reserve(rows.size());
  for (const Vm& vm : rows) views.push_back(View(vm, ports));
  return views;
}

std::vector<std::string> VmManager::UidsUp() {
  std::vector<std::string> uids;
  const absl::StatusOr<std::vector<Vm>> rows =
      ports_.store.List("", std::numeric_limits<std::int32_t>::max(), Which::kUp);
  if (rows.ok())
    for (const Vm& vm : *rows) uids.push_back(vm.uid);
  return uids;
}

void VmManager::NoteProblem(const std::string& uid, const std::string& problem) {
  {
    const MutexLock lock(problems_mutex_);
    const auto known = problems_.find(uid);
    if (problem == (known == problems_.end() ? "" : known->second)) return;
    if (problem.empty()) {
      problems_.erase(known);
    } else {
      problems_[uid] = problem;
    }
  }
  const absl::StatusOr<std::optional<Vm>> vm = ports_.store.Find(uid);
  if (!vm.ok() || !vm->has_value()) return;
  if (!problem.empty()) log::Warn("a VM is in trouble", {{"vm", (*vm)->name}, {"problem", problem}});
  store_.PublishAgain(uid);
}

}  // namespace banger::vmd
