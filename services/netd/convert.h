// Core types to protos.
#pragma once

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "banger/network/v1/network_service.pb.h"
#include "services/netd/core/network.h"

namespace banger::netd {

namespace v1 = ::banger::network::v1;

// As banger.network.v1.Dns has it.
struct DnsStatus {
  std::string guest_server;
  std::string host_listen;
  std::string host_resolver;
  std::vector<std::string> warnings;
};

v1::Endpoint ToProto(const Endpoint& endpoint, const Subnet& subnet);
v1::NetworkHealth ToProto(const Health& health);
v1::Network ToProto(const std::string& bridge, const Subnet& subnet, int mtu, const DnsStatus& dns);

// POLICY_INVALID when it cannot be read; NormalPolicy checks the rest.
absl::StatusOr<Policy> FromProto(const v1::EndpointPolicy& policy);

}  // namespace banger::netd
