#include "services/netd/core/name_rules.h"

#include <algorithm>

namespace banger::netd {
namespace {

// Of one guest; beyond them names of aliases are refused when asked for alone.
constexpr std::size_t kMaxAliases = 1024;

}  // namespace

void NameRules::Update(Ipv4 address, const Policy& policy) {
  const MutexLock lock(mutex_);
  Guest& guest = guests_[address];
  if (guest.policy != policy) guest = {.policy = policy, .aliases = {}};
}

void NameRules::Remove(Ipv4 address) {
  const MutexLock lock(mutex_);
  guests_.erase(address);
}

NamePermission NameRules::Of(Ipv4 guest, const std::string& name) const {
  const MutexLock lock(mutex_);
  const auto found = guests_.find(guest);
  if (found == guests_.end() || !found->second.policy.nat) return NamePermission::kRefused;
  const auto& [policy, aliases] = found->second;
  if (policy.egress.mode == Egress::Mode::kAll) return NamePermission::kFree;
  if (policy.egress.mode == Egress::Mode::kNone) return NamePermission::kRefused;
  if (IsListedDomain(policy.egress, name)) return NamePermission::kListed;
  const auto alias = aliases.find(name);
  const bool is_known = alias != aliases.end() && alias->second > std::chrono::steady_clock::now();
  return is_known ? NamePermission::kListed : NamePermission::kRefused;
}

void NameRules::AllowAliases(Ipv4 guest, const std::vector<std::string>& names, SteadyTime until) {
  const MutexLock lock(mutex_);
  const auto found = guests_.find(guest);
  if (found == guests_.end()) return;
  std::map<std::string, SteadyTime>& aliases = found->second.aliases;
  for (const std::string& name : names) {
    if (aliases.size() >= kMaxAliases)
      std::erase_if(aliases, [now = std::chrono::steady_clock::now()](const auto& alias) {
        return alias.second <= now;
      });
    if (aliases.size() >= kMaxAliases) return;
    SteadyTime& entry = aliases[name];
    entry = std::max(entry, until);
  }
}

}  // namespace banger::netd
