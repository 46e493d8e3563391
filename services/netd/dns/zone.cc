#include "services/netd/dns/zone.h"

namespace banger::netd::dns {

void Zone::Publish(const std::string& hostname, Ipv4 address) {
  const MutexLock lock(mutex_);
  // What this name and this address meant before is no more.
  if (const auto before = addresses_.find(hostname); before != addresses_.end()) {
    if (before->second == address) return;
    hostnames_.erase(before->second.bits());
  }
  if (const auto before = hostnames_.find(address.bits()); before != hostnames_.end())
    addresses_.erase(before->second);
  addresses_[hostname] = address;
  hostnames_[address.bits()] = hostname;
  ++serial_;
}

void Zone::Withdraw(const std::string& hostname, Ipv4 address) {
  const MutexLock lock(mutex_);
  const auto found = addresses_.find(hostname);
  if (found == addresses_.end() || found->second != address) return;
  addresses_.erase(found);
  hostnames_.erase(address.bits());
  ++serial_;
}

std::optional<Ipv4> Zone::AddressOf(absl::string_view hostname) const {
  const MutexLock lock(mutex_);
  const auto found = addresses_.find(hostname);
  if (found == addresses_.end()) return std::nullopt;
  return found->second;
}

std::string Zone::HostnameOf(Ipv4 address) const {
  const MutexLock lock(mutex_);
  const auto found = hostnames_.find(address.bits());
  return found == hostnames_.end() ? "" : found->second;
}

}  // namespace banger::netd::dns
