#include "services/gateway/core/policy.h"

#include <map>

namespace banger::gateway {

// Viewers look. Operators also have VMs, bring in images and kernels, and take
// images out. Admins also take away what others may use, or name files of the host.
// Daemons' own methods would let a user take a running VM's image away, or learn
// paths that only daemons open.
const std::vector<MethodPolicy>& Policy() {
  using enum Role;
  static const auto* policy = new std::vector<MethodPolicy>{
      {"/banger.vm.v1.VmService/GetVm", kViewer, "name"},
      {"/banger.vm.v1.VmService/ListVms", kViewer, ""},
      {"/banger.vm.v1.VmService/GetVmStats", kViewer, ""},
      {"/banger.vm.v1.VmService/WatchVms", kViewer, ""},
      {"/banger.vm.v1.VmService/GetVmListeners", kViewer, "name"},
      {"/banger.vm.v1.VmService/ReadVmLog", kViewer, "name"},
      {"/banger.vm.v1.VmService/ListVmSnapshots", kViewer, "name"},
      {"/banger.vm.v1.VmService/CreateVm", kOperator, "vm_id"},
      {"/banger.vm.v1.VmService/UpdateVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/PublishPort", kOperator, "name"},
      {"/banger.vm.v1.VmService/UnpublishPort", kOperator, "name"},
      {"/banger.vm.v1.VmService/StartVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/StopVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/RestartVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/PauseVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/ResumeVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/KillVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/CreateVmSnapshot", kOperator, "name"},
      {"/banger.vm.v1.VmService/DeleteVmSnapshot", kOperator, "name"},
      {"/banger.vm.v1.VmService/RestoreVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/CloneVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/DeleteVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/ExecVm", kOperator, "name"},
      {"/banger.vm.v1.VmService/ReadVmTree", kOperator, "name"},
      {"/banger.vm.v1.VmService/WriteVmTree", kOperator, "spec.name"},

      {"/banger.image.v1.ImageService/GetImage", kViewer, "name"},
      {"/banger.image.v1.ImageService/ListImages", kViewer, ""},
      {"/banger.image.v1.ImageService/ListCatalogImages", kViewer, ""},
      {"/banger.image.v1.ImageService/ImportImage", kOperator, "spec.name"},
      {"/banger.image.v1.ImageService/PullImage", kOperator, "reference"},
      {"/banger.image.v1.ImageService/ExportImage", kOperator, "name"},
      {"/banger.image.v1.ImageService/RegisterImage", kAdmin, "name"},
      {"/banger.image.v1.ImageService/PromoteImage", kAdmin, "name"},
      {"/banger.image.v1.ImageService/PruneImageCache", kAdmin, ""},
      {"/banger.image.v1.ImageService/DeleteImage", kAdmin, "name"},
      {"/banger.image.v1.ImageService/AcquireImage", kNobody, ""},
      {"/banger.image.v1.ImageService/ReleaseImage", kNobody, ""},
      {"/banger.image.v1.ImageService/ListImageLeases", kNobody, ""},

      {"/banger.kernel.v1.KernelService/GetKernel", kViewer, "name"},
      {"/banger.kernel.v1.KernelService/ListKernels", kViewer, ""},
      {"/banger.kernel.v1.KernelService/ListCatalogEntries", kViewer, ""},
      {"/banger.kernel.v1.KernelService/PullKernel", kOperator, "name"},
      {"/banger.kernel.v1.KernelService/ImportKernel", kOperator, "spec.name"},
      {"/banger.kernel.v1.KernelService/DeleteKernel", kAdmin, "name"},
      {"/banger.kernel.v1.KernelService/GetKernelFiles", kNobody, ""},

      {"/banger.system.v1.SystemService/ListDaemons", kViewer, ""},
      {"/banger.system.v1.SystemService/GetNetwork", kViewer, ""},
      {"/banger.system.v1.SystemService/ListOperations", kOperator, ""},
      // Into the console with the caller's own role.
      {"/banger.system.v1.ConsoleService/CreateConsoleLogin", kViewer, ""},

      // Answered by libraries that ask for no role: whether the gateway is there, in
      // which version, and what could be called.
      {"/banger.system.v1.DaemonService/GetDaemon", kNone, ""},
      {"/grpc.health.v1.Health/Check", kNone, ""},
      {"/grpc.health.v1.Health/Watch", kNone, ""},
      {"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", kNone, ""},
      {"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kNone, ""},
  };
  return *policy;
}

const MethodPolicy* FindPolicy(absl::string_view path) {
  static const auto* by_path = [] {
    auto* map = new std::map<std::string, const MethodPolicy*>;
    for (const MethodPolicy& method : Policy()) map->emplace(method.path, &method);
    return map;
  }();
  const auto found = by_path->find(std::string(path));
  return found != by_path->end() ? found->second : nullptr;
}

}  // namespace banger::gateway
