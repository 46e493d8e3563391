// netd's API as some uid sees it, over real sockets.
#pragma once

#include <grpcpp/create_channel_posix.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "banger/network/v1/network_service.grpc.pb.h"
#include "common/os/file.h"
#include "common/os/unix_socket.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/status_macros.h"
#include "services/netd/testing/guest_end.h"

namespace banger::netd {

namespace v1 = ::banger::network::v1;

class NetdClient {
 public:
  // Connects as `uid`, which needs root.
  NetdClient(const std::filesystem::path& directory, uid_t uid) : directory_(directory), uid_(uid) {
    absl::StatusOr<UniqueFd> socket = ConnectAs(directory / "netd.sock");
    if (socket.ok())
      stub_ = v1::NetworkService::NewStub(grpc::CreateInsecureChannelFromFd("netd", socket->Release()));
  }

  absl::StatusOr<v1::Endpoint> Create(const std::string& id, const std::string& hostname = "") {
    v1::CreateEndpointRequest request;
    request.set_endpoint_id(id);
    request.set_hostname(hostname);
    v1::CreateEndpointResponse response;
    BANGER_RETURN_IF_ERROR(Call(&v1::NetworkService::Stub::CreateEndpoint, request, &response));
    return response.endpoint();
  }
  absl::StatusOr<v1::Endpoint> Attach(const std::string& id) {
    v1::AttachTapRequest request;
    request.set_name("endpoints/" + id);
    v1::AttachTapResponse response;
    BANGER_RETURN_IF_ERROR(Call(&v1::NetworkService::Stub::AttachTap, request, &response));
    return response.endpoint();
  }
  absl::Status SetPolicy(const std::string& id, const v1::EndpointPolicy& policy) {
    v1::SetEndpointPolicyRequest request;
    request.set_name("endpoints/" + id);
    *request.mutable_policy() = policy;
    v1::SetEndpointPolicyResponse response;
    return Call(&v1::NetworkService::Stub::SetEndpointPolicy, request, &response);
  }
  absl::Status Detach(const std::string& id) {
    v1::DetachTapRequest request;
    request.set_name("endpoints/" + id);
    v1::DetachTapResponse response;
    return Call(&v1::NetworkService::Stub::DetachTap, request, &response);
  }
  absl::StatusOr<v1::Network> GetNetwork() {
    v1::GetNetworkResponse response;
    BANGER_RETURN_IF_ERROR(Call(&v1::NetworkService::Stub::GetNetwork, v1::GetNetworkRequest(), &response));
    return response.network();
  }
  absl::StatusOr<v1::NetworkHealth> GetHealth() {
    v1::GetNetworkResponse response;
    BANGER_RETURN_IF_ERROR(Call(&v1::NetworkService::Stub::GetNetwork, v1::GetNetworkRequest(), &response));
    return response.health();
  }
  absl::Status Delete(const std::string& id) {
    v1::DeleteEndpointRequest request;
    request.set_name("endpoints/" + id);
    v1::DeleteEndpointResponse response;
    return Call(&v1::NetworkService::Stub::DeleteEndpoint, request, &response);
  }
  absl::StatusOr<std::vector<v1::Endpoint>> List() {
    v1::ListEndpointsResponse response;
    BANGER_RETURN_IF_ERROR(
        Call(&v1::NetworkService::Stub::ListEndpoints, v1::ListEndpointsRequest(), &response));
    return std::vector<v1::Endpoint>(response.endpoints().begin(), response.endpoints().end());
  }

  // The queue of the endpoint's tap, by the second socket.
  absl::StatusOr<UniqueFd> OpenDescriptor(const std::string& id) {
    BANGER_ASSIGN_OR_RETURN(const UniqueFd socket, ConnectAs(directory_ / "tap.sock"));
    BANGER_RETURN_IF_ERROR(WriteFully(socket.get(), absl::StrCat("endpoints/", id, "\n")));
    return ReceiveDescriptor(socket.get());
  }
  absl::StatusOr<GuestEnd> Open(const v1::Endpoint& endpoint) {
    BANGER_ASSIGN_OR_RETURN(UniqueFd queue, OpenDescriptor(endpoint.name().substr(10)));
    return GuestEnd(std::move(queue), *Ipv4::Parse(endpoint.address()));
  }

 private:
  template <typename Method, typename Request, typename Response>
  absl::Status Call(Method method, const Request& request, Response* response) {
    if (stub_ == nullptr) return absl::UnavailableError("not connected");
    rpc::ClientCall call("netd-test", std::chrono::seconds(20));
    return rpc::FromGrpc(((*stub_).*method)(call.context(), request, response));
  }

  // A thread of its own takes the uid, by the system call that changes no other.
  absl::StatusOr<UniqueFd> ConnectAs(const std::filesystem::path& socket) const {
    absl::StatusOr<UniqueFd> connected = absl::UnknownError("not tried");
    std::thread([&] {
      if (::syscall(SYS_setresuid, uid_, uid_, uid_) == 0) connected = ConnectUnix(socket);
    }).join();
    return connected;
  }

  const std::filesystem::path directory_;
  const uid_t uid_;
  std::unique_ptr<v1::NetworkService::Stub> stub_;
};

}  // namespace banger::netd
