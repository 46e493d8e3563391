#pragma once

#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "banger/network/v1/network_service.grpc.pb.h"
#include "common/sync/worker_pool.h"
#include "services/netd/convert.h"
#include "services/netd/core/network.h"

namespace banger::netd {

// The API over the network; who may connect at all is decided before. Thread-safe.
class NetworkService final : public v1::NetworkService::CallbackService {
 public:
  // `network`, `workers` and what `dns` asks must outlive it.
  NetworkService(std::string bridge, std::function<DnsStatus()> dns, Network& network, WorkerPool& workers)
      : bridge_(std::move(bridge)), dns_(std::move(dns)), network_(network), workers_(workers) {}

  grpc::ServerUnaryReactor* GetNetwork(grpc::CallbackServerContext* context,
                                       const v1::GetNetworkRequest* request,
                                       v1::GetNetworkResponse* response) override;
  grpc::ServerUnaryReactor* CreateEndpoint(grpc::CallbackServerContext* context,
                                           const v1::CreateEndpointRequest* request,
                                           v1::CreateEndpointResponse* response) override;
  grpc::ServerUnaryReactor* ListEndpoints(grpc::CallbackServerContext* context,
                                          const v1::ListEndpointsRequest* request,
                                          v1::ListEndpointsResponse* response) override;
  grpc::ServerUnaryReactor* AttachTap(grpc::CallbackServerContext* context,
                                      const v1::AttachTapRequest* request,
                                      v1::AttachTapResponse* response) override;
  grpc::ServerUnaryReactor* SetEndpointPolicy(grpc::CallbackServerContext* context,
                                              const v1::SetEndpointPolicyRequest* request,
                                              v1::SetEndpointPolicyResponse* response) override;
  grpc::ServerUnaryReactor* DetachTap(grpc::CallbackServerContext* context,
                                      const v1::DetachTapRequest* request,
                                      v1::DetachTapResponse* response) override;
  grpc::ServerUnaryReactor* DeleteEndpoint(grpc::CallbackServerContext* context,
                                           const v1::DeleteEndpointRequest* request,
                                           v1::DeleteEndpointResponse* response) override;

 private:
  absl::StatusOr<v1::Network> DescribeNetwork() const;

  const std::string bridge_;
  const std::function<DnsStatus()> dns_;
  Network& network_;
  WorkerPool& workers_;
};

}  // namespace banger::netd
