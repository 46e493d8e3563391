#pragma once

#include <string>
#include <vector>

#include "services/netd/core/ports.h"

namespace banger::netd {

// What has to be done so that ledger and host agree.
struct ReconciliationPlan {
  Endpoints endpoints;                // the ledger as it must be
  std::vector<std::string> adopt;     // taps that stay, or are taken into the ledger
  std::vector<std::string> remove;    // taps that go
  std::vector<std::string> detached;  // endpoints that lose a tap which is gone
};

// The rules stand at Network::Start. `taps` are all that carry our mark.
ReconciliationPlan PlanReconciliation(const Subnet& subnet, const Endpoints& ledger,
                                      const std::vector<Tap>& taps);

}  // namespace banger::netd
