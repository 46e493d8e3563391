// The services that the gateway forwards, from the descriptors that are compiled
// in. netd's is not among them: only banger itself talks to netd.
#pragma once

#include <google/protobuf/descriptor.h>

#include <set>
#include <string>
#include <vector>

#include "services/gateway/core/route_table.h"

namespace banger::gateway {

struct ForwardedService {
  std::string daemon;
  const google::protobuf::ServiceDescriptor* descriptor;
};

const std::vector<ForwardedService>& ForwardedServices();

// All that can be called: these, and what the gateway answers itself.
std::vector<const google::protobuf::ServiceDescriptor*> ServedServices();

// The service's unary Get and List methods, which by AIP-131 and AIP-132 change
// nothing.
std::set<std::string> ReadMethods(const google::protobuf::ServiceDescriptor& service);

// Those of their methods that the policy gives to somebody.
RouteTable MakeRoutes(const std::vector<ForwardedService>& services);

// A gRPC service config that lets exactly the reads be sent again when the
// connection broke, which gRPC reports as UNAVAILABLE or as CANCELLED.
std::string RetryReads(const google::protobuf::ServiceDescriptor& service);

}  // namespace banger::gateway
