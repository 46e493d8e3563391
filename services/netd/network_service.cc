#include "services/netd/network_service.h"

#include <utility>

#include "common/rpc/server_call.h"
#include "common/status/status_macros.h"
#include "services/netd/names.h"

namespace banger::netd {

using rpc::Call;

namespace {

void SetUplinks(const Interfaces& uplinks, v1::Network& network) {
  network.mutable_uplinks()->Assign(uplinks.ipv4.begin(), uplinks.ipv4.end());
  network.mutable_ipv6_uplinks()->Assign(uplinks.ipv6.begin(), uplinks.ipv6.end());
}

}  // namespace

absl::StatusOr<v1::Network> NetworkService::DescribeNetwork() const {
  BANGER_ASSIGN_OR_RETURN(const int mtu, network_.Mtu());
  v1::Network described = ToProto(bridge_, network_.subnet(), mtu, dns_());
  SetUplinks(network_.Uplinks(), described);
  const Interfaces forwarding = network_.Forwarding();
  described.mutable_forwarding()->Assign(forwarding.ipv4.begin(), forwarding.ipv4.end());
  described.mutable_ipv6_forwarding()->Assign(forwarding.ipv6.begin(), forwarding.ipv6.end());
  return described;
}

grpc::ServerUnaryReactor* NetworkService::GetNetwork(grpc::CallbackServerContext* context,
                                                     const v1::GetNetworkRequest*,
                                                     v1::GetNetworkResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this](const Call&) -> absl::StatusOr<v1::GetNetworkResponse> {
                      v1::GetNetworkResponse found;
                      BANGER_ASSIGN_OR_RETURN(*found.mutable_network(), DescribeNetwork());
                      BANGER_ASSIGN_OR_RETURN(const Health health, network_.Inspect());
                      *found.mutable_health() = ToProto(health);
                      SetUplinks(health.uplinks, *found.mutable_network());
                      return found;
                    });
}

grpc::ServerUnaryReactor* NetworkService::CreateEndpoint(grpc::CallbackServerContext* context,
                                                         const v1::CreateEndpointRequest* request,
                                                         v1::CreateEndpointResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<v1::CreateEndpointResponse> {
                      BANGER_ASSIGN_OR_RETURN(
                          const Endpoint endpoint,
                          network_.Create(call.peer_uid, request->endpoint_id(), request->hostname()));
                      v1::CreateEndpointResponse created;
                      *created.mutable_endpoint() = ToProto(endpoint, network_.subnet());
                      BANGER_ASSIGN_OR_RETURN(*created.mutable_network(), DescribeNetwork());
                      return created;
                    });
}

grpc::ServerUnaryReactor* NetworkService::ListEndpoints(grpc::CallbackServerContext* context,
                                                        const v1::ListEndpointsRequest*,
                                                        v1::ListEndpointsResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this](const Call& call) -> absl::StatusOr<v1::ListEndpointsResponse> {
                      v1::ListEndpointsResponse listed;
                      for (const Endpoint& endpoint : network_.List(call.peer_uid))
                        *listed.add_endpoints() = ToProto(endpoint, network_.subnet());
                      return listed;
                    });
}

grpc::ServerUnaryReactor* NetworkService::AttachTap(grpc::CallbackServerContext* context,
                                                    const v1::AttachTapRequest* request,
                                                    v1::AttachTapResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<v1::AttachTapResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string id, EndpointId(request->name()));
                      BANGER_ASSIGN_OR_RETURN(const Endpoint endpoint, network_.Attach(call.peer_uid, id));
                      v1::AttachTapResponse attached;
                      *attached.mutable_endpoint() = ToProto(endpoint, network_.subnet());
                      BANGER_ASSIGN_OR_RETURN(*attached.mutable_network(), DescribeNetwork());
                      return attached;
                    });
}

grpc::ServerUnaryReactor* NetworkService::SetEndpointPolicy(grpc::CallbackServerContext* context,
                                                            const v1::SetEndpointPolicyRequest* request,
                                                            v1::SetEndpointPolicyResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<v1::SetEndpointPolicyResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string id, EndpointId(request->name()));
                      BANGER_ASSIGN_OR_RETURN(Policy policy, FromProto(request->policy()));
                      BANGER_ASSIGN_OR_RETURN(const Endpoint endpoint,
                                              network_.SetPolicy(call.peer_uid, id, std::move(policy)));
                      v1::SetEndpointPolicyResponse changed;
                      *changed.mutable_endpoint() = ToProto(endpoint, network_.subnet());
                      return changed;
                    });
}

grpc::ServerUnaryReactor* NetworkService::DetachTap(grpc::CallbackServerContext* context,
                                                    const v1::DetachTapRequest* request,
                                                    v1::DetachTapResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<v1::DetachTapResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string id, EndpointId(request->name()));
                      BANGER_RETURN_IF_ERROR(network_.Detach(call.peer_uid, id));
                      return v1::DetachTapResponse();
                    });
}

grpc::ServerUnaryReactor* NetworkService::DeleteEndpoint(grpc::CallbackServerContext* context,
                                                         const v1::DeleteEndpointRequest* request,
                                                         v1::DeleteEndpointResponse* response) {
  return rpc::Unary(workers_, context, response,
                    [this, request](const Call& call) -> absl::StatusOr<v1::DeleteEndpointResponse> {
                      BANGER_ASSIGN_OR_RETURN(const std::string id, EndpointId(request->name()));
                      BANGER_RETURN_IF_ERROR(network_.Delete(call.peer_uid, id));
                      return v1::DeleteEndpointResponse();
                    });
}

}  // namespace banger::netd
