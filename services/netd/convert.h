// Core types to protos.
#pragma once

#include <string>

#include "banger/network/v1/network_service.pb.h"
#include "services/netd/core/network.h"

namespace banger::netd {

namespace v1 = ::banger::network::v1;

v1::Endpoint ToProto(const Endpoint& endpoint);
v1::Network ToProto(const std::string& bridge, const Subnet& subnet, int mtu);

}  // namespace banger::netd
