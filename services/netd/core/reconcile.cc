#include "services/netd/core/reconcile.h"

#include <algorithm>
#include <set>

namespace banger::netd {
namespace {

bool IsRowOf(const Endpoints& ledger, const Tap& tap) {
  const auto row = ledger.find(tap.endpoint_id);
  return row != ledger.end() && row->second.tap == tap.name && row->second.owner == tap.owner;
}

// A tap in use that the ledger lacks: its row, unless that contradicts another.
bool TakeBack(const Tap& tap, Endpoints& ledger) {
  const absl::StatusOr<Ipv4> address = AddressOfTap(tap.name);
  if (!tap.in_use || !address.ok() || !CheckEndpointId(tap.endpoint_id).ok()) return false;
  for (const auto& [id, row] : ledger) {
    const bool same_endpoint = id == tap.endpoint_id && row.owner == tap.owner && row.address == *address;
    if (!same_endpoint && (id == tap.endpoint_id || row.address == *address)) return false;
  }
  ledger[tap.endpoint_id] = {.id = tap.endpoint_id, .address = *address, .owner = tap.owner, .tap = tap.name};
  return true;
}

}  // namespace

ReconciliationPlan PlanReconciliation(const Subnet& subnet, const Endpoints& ledger,
                                      const std::vector<Tap>& taps) {
  ReconciliationPlan plan{.endpoints = ledger};
  std::set<std::string> present;
  for (const Tap& tap : taps) {
    if (IsRowOf(ledger, tap) || TakeBack(tap, plan.endpoints)) {
      plan.adopt.push_back(tap.name);
      present.insert(tap.name);
    } else {
      plan.remove.push_back(tap.name);
    }
  }
  for (auto row = plan.endpoints.begin(); row != plan.endpoints.end();) {
    Endpoint& endpoint = row->second;
    if (!endpoint.tap.empty() && present.count(endpoint.tap) == 0) {
      endpoint.tap.clear();
      plan.detached.push_back(endpoint.id);
    }
    // The subnet was configured anew: without a tap nobody misses it.
    const bool stray = endpoint.tap.empty() && !subnet.IsGuestAddress(endpoint.address);
    row = stray ? plan.endpoints.erase(row) : std::next(row);
  }
  return plan;
}

}  // namespace banger::netd
