#pragma once

#include <chrono>
#include <string>

namespace banger::vm::v1 {
class ListVmsResponse;
class Vm;
}  // namespace banger::vm::v1

namespace banger::cli {

// It runs, starts or stops.
bool IsUp(const vm::v1::Vm& vm);

std::string VmTable(const vm::v1::ListVmsResponse& vms, std::chrono::system_clock::time_point now);

}  // namespace banger::cli
