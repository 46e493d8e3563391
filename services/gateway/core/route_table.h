// Which daemon serves a method.
#pragma once

#include <map>
#include <string>

#include "absl/strings/string_view.h"
#include "services/gateway/core/policy.h"

namespace banger::gateway {

// What the API says of a method.
struct MethodTraits {
  // It changes nothing, so it may reach the daemon twice.
  bool is_read = false;
  // More than one message may come, from the client or from the daemon.
  bool client_streams = false;
  bool server_streams = false;

  bool operator==(const MethodTraits&) const = default;
};

struct Route {
  std::string daemon;
  MethodTraits traits;
  const MethodPolicy* policy = nullptr;

  bool operator==(const Route&) const = default;
};

// Filled at start, then only read: thread-safe.
class RouteTable {
 public:
  // `path` is "/banger.vm.v1.VmService/GetVm". What the policy gives to nobody, or
  // does not know, stays out: a method of a later version is reached by nobody before
  // somebody has thought about who may.
  void Add(const std::string& path, const std::string& daemon, MethodTraits traits);

  // Null for everything that was not added.
  const Route* Find(absl::string_view path) const;

 private:
  std::map<std::string, Route> routes_;
};

}  // namespace banger::gateway
