#pragma once

#include <chrono>
#include <string>

namespace banger::system::v1 {
class GetNetworkResponse;
}

namespace banger::cli {

// What there is, a line for each part, then a table of the VMs.
std::string NetworkTable(const system::v1::GetNetworkResponse& view,
                         std::chrono::system_clock::time_point now);

}  // namespace banger::cli
