// Which daemon serves a method.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/strings/string_view.h"

namespace banger::gateway {

struct Route {
  std::string daemon;
  // The method changes nothing, so it may reach the daemon twice.
  bool is_read = false;

  bool operator==(const Route&) const = default;
};

// Filled at start, then only read: thread-safe.
class RouteTable {
 public:
  // `reads` are the methods of the service that change nothing, `internal` those
  // that daemons have for each other and nobody reaches from outside.
  void Add(const std::string& service, const std::string& daemon, std::set<std::string> reads,
           std::set<std::string> internal = {});

  // `path` is "/banger.vm.v1.VmService/GetVm". A method that this build does not
  // know is routed by its service. Empty for other services, other forms and
  // internal methods.
  std::optional<Route> Find(absl::string_view path) const;

 private:
  struct Service {
    std::string daemon;
    std::set<std::string> reads;
    std::set<std::string> internal;
  };
  std::map<std::string, Service> services_;
};

}  // namespace banger::gateway
