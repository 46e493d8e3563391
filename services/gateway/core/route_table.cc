#include "services/gateway/core/route_table.h"

#include <utility>

namespace banger::gateway {

void RouteTable::Add(const std::string& service, const std::string& daemon, std::set<std::string> reads,
                     std::set<std::string> internal) {
  services_[service] = {.daemon = daemon, .reads = std::move(reads), .internal = std::move(internal)};
}

std::optional<Route> RouteTable::Find(absl::string_view path) const {
  const std::size_t slash = path.rfind('/');
  if (slash == absl::string_view::npos || slash == 0 || path.front() != '/') return std::nullopt;
  const auto found = services_.find(std::string(path.substr(1, slash - 1)));
  if (found == services_.end()) return std::nullopt;
  const std::string method(path.substr(slash + 1));
  if (method.empty() || found->second.internal.contains(method)) return std::nullopt;
  return Route{.daemon = found->second.daemon, .is_read = found->second.reads.contains(method)};
}

}  // namespace banger::gateway
