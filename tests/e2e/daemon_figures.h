// What a daemon holds while it runs.
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {

struct DaemonFigures {
  int pid = 0;
  // Memory that no other process shares with it.
  double private_mib = 0;
  // Open ones.
  int descriptors = 0;
  int threads = 0;
};

// It answers within ten seconds, or UNAVAILABLE.
absl::StatusOr<DaemonFigures> FiguresOf(const Instance& instance, const std::string& daemon);

}  // namespace banger::e2e
