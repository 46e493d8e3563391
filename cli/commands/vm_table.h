#pragma once

#include <chrono>
#include <string>

#include "banger/vm/v1/vm_service.pb.h"

namespace banger::cli {

// "RUNNING"; a state that this build does not know is its number.
std::string StateText(vm::v1::Vm::State state);

// It runs, starts, stops or is paused.
bool IsUp(const vm::v1::Vm& vm);

std::string VmTable(const vm::v1::ListVmsResponse& vms, std::chrono::system_clock::time_point now);

}  // namespace banger::cli
