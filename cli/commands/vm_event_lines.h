#pragma once

#include <map>
#include <string>

#include "banger/vm/v1/vm_service.pb.h"

namespace banger::cli {

// Makes lines of a VmEventStream: one for each VM that is there, then one for each new
// state. Knows what it has said, and says it once.
class VmEventLines {
 public:
  // "web   RUNNING", "web   DELETED"; each line ends with a newline.
  std::string Take(const vm::v1::WatchVmsResponse& response);

 private:
  std::string TakeVm(const vm::v1::Vm& vm);

  std::map<std::string, std::string> known_;  // texts by uid
};

}  // namespace banger::cli
