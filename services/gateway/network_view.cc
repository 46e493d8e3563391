#include "services/gateway/network_view.h"

#include <chrono>
#include <map>
#include <string>

#include "absl/strings/str_cat.h"
#include "banger/network/v1/network_service.grpc.pb.h"
#include "banger/vm/v1/vm_service.grpc.pb.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/status_macros.h"
#include "services/gateway/errors.h"

namespace banger::gateway {
namespace {

using network::v1::NetworkService;
using vm::v1::VmService;
using namespace std::chrono_literals;

constexpr auto kPatience = 5000ms;
constexpr int kPageSize = 1000;

template <typename Stub, typename Request, typename Response>
absl::StatusOr<Response> Ask(const rpc::Call& call, const Backend& backend,
                             grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                             const Request& request) {
  Stub stub(backend.channel());
  rpc::ClientCall client(call.request_id, kPatience, call.stop);
  // It may have started just now.
  client.context()->set_wait_for_ready(backend.has_socket());
  Response response;
  const grpc::Status status = (stub.*method)(client.context(), request, &response);
  if (status.ok()) return response;
  if (status.error_code() == grpc::StatusCode::UNAVAILABLE ||
      status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED)
    return DaemonUnavailable(backend.daemon(), backend.DescribeOutage());
  return rpc::FromGrpc(status);
}

// By uid.
absl::StatusOr<std::map<std::string, vm::v1::Vm>> ListVms(const rpc::Call& call, const Backend& vmd) {
  std::map<std::string, vm::v1::Vm> vms;
  vm::v1::ListVmsRequest request;
  request.set_page_size(kPageSize);
  do {
    BANGER_ASSIGN_OR_RETURN(const vm::v1::ListVmsResponse page,
                            Ask(call, vmd, &VmService::Stub::ListVms, request));
    for (const vm::v1::Vm& vm : page.vms()) vms[vm.uid()] = vm;
    request.set_page_token(page.next_page_token());
  } while (!request.page_token().empty());
  return vms;
}

}  // namespace

absl::StatusOr<system::v1::GetNetworkResponse> DescribeNetwork(const rpc::Call& call, const Backend& netd,
                                                               const Backend& vmd) {
  system::v1::GetNetworkResponse view;
  BANGER_ASSIGN_OR_RETURN(const network::v1::GetNetworkResponse network,
                          Ask(call, netd, &NetworkService::Stub::GetNetwork, {}));
  BANGER_ASSIGN_OR_RETURN(const network::v1::ListEndpointsResponse endpoints,
                          Ask(call, netd, &NetworkService::Stub::ListEndpoints, {}));
  *view.mutable_network() = network.network();
  *view.mutable_health() = network.health();
  const auto vms = ListVms(call, vmd);
  if (!vms.ok()) view.add_warnings(absl::StrCat("no VMs' names: ", vms.status().message()));
  for (const network::v1::Endpoint& endpoint : endpoints.endpoints()) {
    system::v1::NetworkEndpoint& shown = *view.add_endpoints();
    *shown.mutable_endpoint() = endpoint;
    if (!vms.ok()) continue;
    const auto found = vms->find(endpoint.name().substr(endpoint.name().find('/') + 1));
    if (found == vms->end()) continue;
    shown.set_vm(found->second.name());
    *shown.mutable_published_ports() = found->second.published_ports();
  }
  return view;
}

}  // namespace banger::gateway
