#pragma once

#include <map>
#include <set>
#include <string>

#include "banger/vm/v1/vm_service.pb.h"

namespace banger::cli {

// Makes one stream of what several calls of WatchVms say: a list that comes again, after
// what was missed is no longer known, becomes changes.
class VmEventStream {
 public:
  // Adds to the end of such a list the VMs that it has no longer, as deleted. `synced` is
  // true at the end of the first list only. False when nothing is left to tell.
  bool Take(vm::v1::WatchVmsResponse& response);

  // The next response begins a list.
  void Restart();

 private:
  void EndList(vm::v1::WatchVmsResponse& response);

  std::map<std::string, std::string> there_;  // names by uid
  std::set<std::string> listed_;
  bool listing_ = true;
  bool synced_ = false;
};

}  // namespace banger::cli
