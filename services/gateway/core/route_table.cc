#include "services/gateway/core/route_table.h"

namespace banger::gateway {

void RouteTable::Add(const std::string& path, const std::string& daemon, MethodTraits traits) {
  const MethodPolicy* policy = FindPolicy(path);
  if (policy == nullptr || policy->role == Role::kNobody) return;
  routes_[path] = {.daemon = daemon, .traits = traits, .policy = policy};
}

const Route* RouteTable::Find(absl::string_view path) const {
  const auto found = routes_.find(std::string(path));
  return found != routes_.end() ? &found->second : nullptr;
}

}  // namespace banger::gateway
