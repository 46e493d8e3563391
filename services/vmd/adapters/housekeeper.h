#pragma once

#include <chrono>
#include <thread>

#include "services/vmd/core/ports.h"
#include "services/vmd/core/stats_keeper.h"
#include "services/vmd/core/vm_manager.h"

namespace banger::vmd {

// Keeps logs small, measures what VMs use, stops those that nobody does, gives back
// what no VM has until all of it is gone, and sees to it that netd knows what its VMs
// may do.
class Housekeeper {
 public:
  Housekeeper(VmManager& vms, VmFiles& files, StatsKeeper& stats, std::chrono::seconds stats_interval)
      : vms_(vms), files_(files), stats_(stats), stats_interval_(stats_interval) {}
  ~Housekeeper() { Stop(); }

  void Start();
  void Stop();

 private:
  void CapAllLogs();
  void CapLogs();
  void CapLogsOf(const std::string& uid);

  VmManager& vms_;
  VmFiles& files_;
  StatsKeeper& stats_;
  const std::chrono::seconds stats_interval_;
  std::jthread capper_;
  std::jthread sampler_;
  std::jthread stopper_;
  std::jthread collector_;  // these two wait for other daemons
  std::jthread reminder_;
};

}  // namespace banger::vmd
