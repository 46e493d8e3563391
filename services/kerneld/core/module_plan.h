// Which modules an initrd loads, and in which order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace banger::kerneld {

// The modules of one kernel. Names have '_', never '-'.
class ModuleIndex {
 public:
  virtual ~ModuleIndex() = default;
  virtual bool IsBuiltIn(const std::string& name) = 0;
  virtual bool IsModule(const std::string& name) = 0;
  // What must be loaded before it, directly.
  virtual absl::StatusOr<std::vector<std::string>> DependenciesOf(const std::string& name) = 0;
};

// "virtio-rng" is "virtio_rng".
std::string CanonicalModuleName(absl::string_view name);

// The names of the modules to load, each after those it needs: the virtio
// drivers of the machines that vmd makes, overlay and ext4. What is built in or
// absent is left out. FAILED_PRECONDITION (KERNEL_UNSUITABLE) when virtio_blk is
// neither built in nor a module, DATA_LOSS when a needed module is missing or
// modules need each other in a circle.
absl::StatusOr<std::vector<std::string>> PlanModules(ModuleIndex& index);

}  // namespace banger::kerneld
