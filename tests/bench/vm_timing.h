// What benchmarks with VMs share.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/bench/pairs.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration);

// banger ARGS...: what it printed; an error when it failed.
absl::StatusOr<std::string> Run(const Instance& instance, std::vector<std::string> arguments);

// How many seconds `vm create` takes until the agent has answered. The VM is
// deleted again.
absl::StatusOr<double> TimeCreate(const Instance& instance, const std::string& image);

using bench::Pairs;

}  // namespace banger::e2e
