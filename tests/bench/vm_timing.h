// What benchmarks with VMs share.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {

using Clock = std::chrono::steady_clock;

double Seconds(Clock::duration duration);

// banger ARGS...: what it printed; an error when it failed.
absl::StatusOr<std::string> Run(const Instance& instance, std::vector<std::string> arguments);

// How many seconds `vm create` takes until the agent has answered. The VM is
// deleted again.
absl::StatusOr<double> TimeCreate(const Instance& instance, const std::string& image);

// Two things that were measured in turns.
class Pairs {
 public:
  void Add(double ours, double baseline);
  // RESULT name ours baseline ratio s, with the medians, and a line with the spread.
  void Print(const std::string& name) const;

 private:
  std::vector<double> ours_;
  std::vector<double> baseline_;
  std::vector<double> ratios_;
};

}  // namespace banger::e2e
