#pragma once

#include <map>
#include <set>
#include <string>

#include "banger/vm/v1/vm_service.pb.h"

namespace banger::cli {

// Makes lines of what WatchVms says: one for each VM that is there, then one for
// each new state. Knows what it has said, so that a list that comes again, after
// the connection was lost, tells only what has changed meanwhile.
class VmEventLines {
 public:
  // "web   RUNNING", "web   DELETED"; each line ends with a newline.
  std::string Take(const vm::v1::WatchVmsResponse& response);

  // The next response begins a list.
  void Restart() {
    listing_ = true;
    listed_.clear();
  }

 private:
  std::string TakeVm(const vm::v1::Vm& vm);

  struct Known {
    std::string name;
    std::string text;
  };
  std::map<std::string, Known> known_;  // by uid
  bool listing_ = true;
  std::set<std::string> listed_;
};

}  // namespace banger::cli
