#include "services/vmd/adapters/network_client.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <system_error>

#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "banger/network/v1/network_service.grpc.pb.h"
#include "common/os/file.h"
#include "common/os/unix_socket.h"
#include "services/vmd/adapters/daemon_call.h"

namespace banger::vmd {
namespace v1 = banger::network::v1;
namespace {

using v1::NetworkService;

std::string EndpointName(const std::string& uid) { return absl::StrCat("endpoints/", uid); }

}  // namespace

GrpcNetworkClient::GrpcNetworkClient(std::filesystem::path socket, std::filesystem::path tap_socket)
    : socket_(std::move(socket)), tap_socket_(std::move(tap_socket)), channel_(rpc::ConnectDaemon(socket_)) {}

bool GrpcNetworkClient::Present() {
  std::error_code ignored;
  return std::filesystem::exists(socket_, ignored);
}

absl::StatusOr<Endpoint> GrpcNetworkClient::CreateEndpoint(const std::string& uid,
                                                           const std::string& hostname,
                                                           const std::stop_token& stop) {
  v1::CreateEndpointRequest request;
  request.set_endpoint_id(uid);
  request.set_hostname(hostname);
  v1::CreateEndpointResponse response;
  BANGER_RETURN_IF_ERROR(CallDaemon("netd", *channel_, stop, [&](grpc::ClientContext* context) {
    return NetworkService::NewStub(channel_)->CreateEndpoint(context, request, &response);
  }));
  return Endpoint{.address = response.endpoint().address(),
                  .prefix_length = response.network().prefix_length(),
                  .mac = response.endpoint().mac(),
                  .gateway = response.network().gateway(),
                  .mtu = response.network().mtu(),
                  .nameserver = response.network().dns().guest_server(),
                  .ipv6_address = response.endpoint().ipv6_address(),
                  .ipv6_prefix_length = response.network().ipv6_prefix_length(),
                  .ipv6_gateway = response.network().ipv6_gateway()};
}

absl::Status GrpcNetworkClient::SetPolicy(const std::string& uid, const NetworkPolicy& policy,
                                          const std::stop_token& stop) {
  v1::SetEndpointPolicyRequest request;
  request.set_name(EndpointName(uid));
  v1::EndpointPolicy& proto = *request.mutable_policy();
  proto.set_nat(policy.nat);
  // The numbers are the same; see convert.cc.
  proto.mutable_egress()->set_mode(static_cast<egress::v1::Egress::Mode>(policy.egress));
  for (const std::string& network : policy.networks) proto.mutable_egress()->add_networks(network);
  for (const std::string& domain : policy.domains) proto.mutable_egress()->add_domains(domain);
  for (const std::string& peer : policy.peers) proto.add_peer_ids(peer);
  v1::SetEndpointPolicyResponse response;
  return CallDaemon("netd", *channel_, stop, [&](grpc::ClientContext* context) {
    return NetworkService::NewStub(channel_)->SetEndpointPolicy(context, request, &response);
  });
}

absl::Status GrpcNetworkClient::AttachTap(const std::string& uid, const std::stop_token& stop) {
  return TapOf(uid, stop).status();
}

absl::StatusOr<std::string> GrpcNetworkClient::TapOf(const std::string& uid, const std::stop_token& stop) {
  v1::AttachTapRequest request;
  request.set_name(EndpointName(uid));
  v1::AttachTapResponse response;
  BANGER_RETURN_IF_ERROR(CallDaemon("netd", *channel_, stop, [&](grpc::ClientContext* context) {
    return NetworkService::NewStub(channel_)->AttachTap(context, request, &response);
  }));
  return response.endpoint().tap();
}

absl::Status GrpcNetworkClient::DetachTap(const std::string& uid) {
  v1::DetachTapRequest request;
  request.set_name(EndpointName(uid));
  v1::DetachTapResponse response;
  const auto call = [&](grpc::ClientContext* context) {
    return NetworkService::NewStub(channel_)->DetachTap(context, request, &response);
  };
  return CallDaemon("netd", *channel_, {}, call, kAppearsForUndo);
}

absl::Status GrpcNetworkClient::DeleteEndpoint(const std::string& uid) {
  v1::DeleteEndpointRequest request;
  request.set_name(EndpointName(uid));
  v1::DeleteEndpointResponse response;
  const auto call = [&](grpc::ClientContext* context) {
    return NetworkService::NewStub(channel_)->DeleteEndpoint(context, request, &response);
  };
  return CallDaemon("netd", *channel_, {}, call, kAppearsForUndo);
}

absl::StatusOr<std::vector<NetworkClient::Known>> GrpcNetworkClient::ListEndpoints() {
  v1::ListEndpointsResponse response;
  const auto call = [&](grpc::ClientContext* context) {
    return NetworkService::NewStub(channel_)->ListEndpoints(context, {}, &response);
  };
  BANGER_RETURN_IF_ERROR(CallDaemon("netd", *channel_, {}, call, kAppearsForUndo));
  std::vector<Known> known;
  for (const v1::Endpoint& endpoint : response.endpoints()) {
    absl::string_view uid = endpoint.name();
    if (absl::ConsumePrefix(&uid, "endpoints/"))
      known.push_back(
          {.uid = std::string(uid), .hostname = endpoint.hostname(), .has_tap = !endpoint.tap().empty()});
  }
  return known;
}

absl::StatusOr<UniqueFd> GrpcNetworkClient::OpenTap(const std::string& uid) {
  BANGER_ASSIGN_OR_RETURN(const UniqueFd socket, ConnectUnix(tap_socket_));
  const timeval timeout{.tv_sec = 10, .tv_usec = 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  BANGER_RETURN_IF_ERROR(WriteFully(socket.get(), absl::StrCat(EndpointName(uid), "\n")));
  return ReceiveDescriptor(socket.get());
}

}  // namespace banger::vmd
