// The network's addresses and spare taps.
#include <algorithm>
#include <utility>

#include "common/status/error.h"
#include "common/status/status_macros.h"
#include "services/netd/core/network.h"
#include "services/netd/errors.h"

namespace banger::netd {

std::vector<Ipv4> Network::FreeAddresses(std::size_t count) const {
  std::set<Ipv4> taken;
  for (const auto& [id, endpoint] : records_.endpoints) taken.insert(endpoint.address);
  std::vector<Ipv4> free;
  for (Ipv4 address(subnet_.network().bits() + 1); address < subnet_.broadcast() && free.size() < count;
       address = Ipv4(address.bits() + 1))
    if (subnet_.IsGuestAddress(address) && taken.count(address) == 0) free.push_back(address);
  return free;
}

absl::StatusOr<Ipv4> Network::NextAddress() const {
  std::set<Ipv4> spares = spares_;
  for (const auto& [id, endpoint] : records_.endpoints) spares.erase(endpoint.address);
  if (!spares.empty()) return *spares.begin();
  const std::vector<Ipv4> free = FreeAddresses(1);
  if (free.empty()) return NoAddressLeft(subnet_.ToString(), records_.endpoints.size());
  return free[0];
}

// The rules of all at once, as they take longer than the taps.
absl::Status Network::FillPool(std::size_t count) {
  std::set<Ipv4> spares;
  {
    const MutexLock lock(mutex_);
    if (!HasGuestsLocked()) return absl::OkStatus();
    BANGER_RETURN_IF_ERROR(AddSpares(count));
    spares = spares_;
  }
  for (const Ipv4 address : spares) {
    const MutexLock lock(mutex_);
    if (spares_.count(address) == 0) continue;  // taken meanwhile
    const absl::Status made = host_.links.EnsureTap({.name = TapName(address), .owner = last_owner_});
    if (made.ok()) continue;
    spares_.erase(address);
    return JoinErrors(made, Enforce());
  }
  return absl::OkStatus();
}

// Of the lowest free addresses those that no interface of others' stands in for.
absl::Status Network::AddSpares(std::size_t count) {
  std::vector<Ipv4> added;
  for (const Ipv4 address : FreeAddresses(2 * count)) {
    if (spares_.size() >= count) break;
    if (!host_.links.CheckTapName(TapName(address)).ok() || !spares_.insert(address).second) continue;
    added.push_back(address);
  }
  const absl::Status enforced = added.empty() ? absl::OkStatus() : Enforce();
  if (!enforced.ok())
    for (const Ipv4 address : added) spares_.erase(address);
  return enforced;
}

absl::Status Network::RemoveSpares() {
  absl::Status removed;
  for (auto spare = spares_.begin(); spare != spares_.end();) {
    const absl::Status gone = host_.links.RemoveTap(TapName(*spare));
    removed = JoinErrors(removed, gone);
    spare = gone.ok() ? spares_.erase(spare) : std::next(spare);
  }
  return removed;
}

absl::Status Network::DrainPool() {
  const MutexLock lock(mutex_);
  if (HasGuestsLocked()) return absl::OkStatus();
  BANGER_RETURN_IF_ERROR(RemoveSpares());
  return JoinErrors(Enforce(), host_.links.RemoveBridge());
}

void Network::OnTapsChanged(std::function<void()> changed) {
  const MutexLock lock(mutex_);
  taps_changed_ = std::move(changed);
}

bool Network::HasGuests() const {
  const MutexLock lock(mutex_);
  return HasGuestsLocked();
}

bool Network::HasGuestsLocked() const {
  return std::any_of(records_.endpoints.begin(), records_.endpoints.end(),
                     [](const auto& row) { return !row.second.tap.empty(); });
}

bool Network::HasTaps() const { return !spares_.empty() || HasGuestsLocked(); }

}  // namespace banger::netd
