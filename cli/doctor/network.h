// The VMs' network as netd describes it, and names as this host's programs get them.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "banger/system/v1/system_service.pb.h"
#include "cli/doctor/finding.h"

namespace banger::cli {

// Bridge, rules, way out and DNS, as netd has them.
Findings JudgeNetwork(const system::v1::GetNetworkResponse& network);

// The addresses that this host's programs get for a name (getaddrinfo, so NSS).
using Resolve = std::function<std::vector<std::string>(const std::string&)>;
std::vector<std::string> ResolveByNss(const std::string& name);

// Each VM that is on the network has its address under VM.vm.
Finding CheckNames(const system::v1::GetNetworkResponse& network, const Resolve& resolve);

}  // namespace banger::cli
