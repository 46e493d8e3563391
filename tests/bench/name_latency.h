#pragma once

#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "services/netd/testing/net_world.h"

namespace banger::bench {

// The 99th percentile, in milliseconds, of the time until netd has answered a
// program of its host what NAME.vm is, one question after the other.
absl::StatusOr<double> NameLatency99(const netd::Namespace& host, const std::string& name, int questions);

// Asks netd from a guest for names that are not ours, all the time; how many
// answers came.
int AskForOthers(const netd::Namespace& guest, const std::string& gateway, const std::stop_token& stop);

}  // namespace banger::bench
