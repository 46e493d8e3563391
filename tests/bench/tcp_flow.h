#pragma once

#include <chrono>
#include <string>

#include "services/netd/testing/net_world.h"

namespace banger::bench {

// How many bits a second one TCP connection carries from a process in one
// namespace to one in another; 0 when it does not come about.
double MeasureTcp(const netd::Namespace& from, const netd::Namespace& to, const std::string& address,
                  std::chrono::milliseconds duration);

}  // namespace banger::bench
