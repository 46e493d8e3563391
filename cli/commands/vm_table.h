#pragma once

#include <chrono>
#include <string>

namespace banger::vm::v1 {
class ListVmsResponse;
}

namespace banger::cli {

std::string VmTable(const vm::v1::ListVmsResponse& vms, std::chrono::system_clock::time_point now);

}  // namespace banger::cli
