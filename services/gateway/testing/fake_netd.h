// A netd that answers what the test sets.
#pragma once

#include "banger/network/v1/network_service.grpc.pb.h"

namespace banger::gateway {

class FakeNetd final : public network::v1::NetworkService::Service {
 public:
  grpc::Status GetNetwork(grpc::ServerContext*, const network::v1::GetNetworkRequest*,
                          network::v1::GetNetworkResponse* response) override {
    *response = network;
    return grpc::Status::OK;
  }
  grpc::Status ListEndpoints(grpc::ServerContext*, const network::v1::ListEndpointsRequest*,
                             network::v1::ListEndpointsResponse* response) override {
    *response = endpoints;
    return grpc::Status::OK;
  }

  network::v1::GetNetworkResponse network;
  network::v1::ListEndpointsResponse endpoints;
};

}  // namespace banger::gateway
