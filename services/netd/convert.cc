#include "services/netd/convert.h"

#include "services/netd/names.h"

namespace banger::netd {

v1::Endpoint ToProto(const Endpoint& endpoint) {
  v1::Endpoint proto;
  proto.set_name(EndpointName(endpoint.id));
  proto.set_address(endpoint.address.ToString());
  proto.set_mac(endpoint.mac().ToString());
  proto.set_tap(endpoint.tap);
  proto.set_owner_uid(endpoint.owner);
  return proto;
}

v1::Network ToProto(const std::string& bridge, const Subnet& subnet, int mtu) {
  v1::Network proto;
  proto.set_bridge(bridge);
  proto.set_gateway(subnet.gateway().ToString());
  proto.set_prefix_length(subnet.prefix_length());
  proto.set_mtu(mtu);
  return proto;
}

}  // namespace banger::netd
