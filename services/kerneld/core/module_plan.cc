#include "services/kerneld/core/module_plan.h"

#include <algorithm>
#include <set>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "common/status/status_macros.h"
#include "services/kerneld/errors.h"

namespace banger::kerneld {
namespace {

// crc32c_generic comes before ext4, which asks for it by its algorithm's name
// and not as a dependency; there is no modprobe in the initrd to find it.
constexpr const char* kWanted[] = {
    "virtio_mmio", "virtio_pci",     "virtio_blk",
    "virtio_net",  "net_failover",   "virtio_console",
    "virtio_rng",  "virtio_balloon", "vmw_vsock_virtio_transport",
    "overlay",     "crc32c_generic", "ext4",
};
// Without it there is no root disk.
constexpr char kRequired[] = "virtio_blk";

class Planner {
 public:
  explicit Planner(ModuleIndex& index) : index_(index) {}

  absl::Status Add(const std::string& name) {
    if (placed_.contains(name) || index_.IsBuiltIn(name)) return absl::OkStatus();
    if (!open_.insert(name).second)
      return KernelCorrupt(absl::StrCat("module '", name, "' needs itself in a circle"));
    BANGER_ASSIGN_OR_RETURN(const std::vector<std::string> needed, index_.DependenciesOf(name));
    for (const std::string& other : needed) {
      if (!index_.IsBuiltIn(other) && !index_.IsModule(other))
        return KernelCorrupt(absl::StrCat("module '", name, "' needs '", other, "', which is not there"));
      BANGER_RETURN_IF_ERROR(Add(other));
    }
    open_.erase(name);
    placed_.insert(name);
    order_.push_back(name);
    return absl::OkStatus();
  }

  std::vector<std::string> TakeOrder() { return std::move(order_); }

 private:
  ModuleIndex& index_;
  std::set<std::string> open_;  // being added, with what they need
  std::set<std::string> placed_;
  std::vector<std::string> order_;
};

}  // namespace

std::string CanonicalModuleName(absl::string_view name) { return absl::StrReplaceAll(name, {{"-", "_"}}); }

absl::StatusOr<std::vector<std::string>> PlanModules(ModuleIndex& index) {
  if (!index.IsBuiltIn(kRequired) && !index.IsModule(kRequired))
    return KernelUnsuitable("the kernel has no virtio_blk, neither built in nor as a module");
  Planner planner(index);
  for (const char* name : kWanted)
    if (index.IsModule(name)) BANGER_RETURN_IF_ERROR(planner.Add(name));
  return planner.TakeOrder();
}

}  // namespace banger::kerneld
