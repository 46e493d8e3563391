#pragma once

#include <thread>

#include "services/vmd/core/ports.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

// Keeps console logs small, gives back what no VM has until all of it is gone, and
// sees to it that netd knows what its VMs may do.
class Housekeeper {
 public:
  Housekeeper(VmManager& vms, VmFiles& files) : vms_(vms), files_(files) {}
  ~Housekeeper() { Stop(); }

  void Start();
  void Stop();

 private:
  void CapConsoleLogs();

  VmManager& vms_;
  VmFiles& files_;
  std::jthread capper_;
  std::jthread collector_;  // these two wait for other daemons
  std::jthread reminder_;
};

}  // namespace banger::vmd
