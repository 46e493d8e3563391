#pragma once

#include <prometheus/registry.h>

#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

// banger_vms{state}: how many VMs are in each state, zeros too. Nothing where the store
// cannot tell.
void AddVmMetrics(VmManager& vms, prometheus::Registry& registry);

}  // namespace banger::vmd
