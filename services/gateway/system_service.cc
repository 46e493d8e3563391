#include "services/gateway/system_service.h"

#include "banger/system/v1/daemon_service.grpc.pb.h"
#include "common/rpc/daemon_service.h"
#include "services/gateway/ask_daemons.h"
#include "services/gateway/guarded_call.h"
#include "services/gateway/network_view.h"

namespace banger::gateway {
namespace {

namespace v1 = system::v1;

// What a daemon said of itself, or why it did not.
v1::Daemon Shown(const DaemonAnswer<v1::GetDaemonResponse>& answer) {
  if (answer.status.ok()) return answer.response.daemon();
  v1::Daemon daemon;
  daemon.set_name("daemons/" + answer.backend.daemon());
  switch (answer.status.error_code()) {
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::UNAVAILABLE:
      daemon.set_error(answer.backend.DescribeOutage());
      break;
    default:
      daemon.set_error(answer.status.error_message());
  }
  return daemon;
}

v1::ListDaemonsResponse AskAll(const rpc::Call& call, const Backends& backends) {
  v1::ListDaemonsResponse response;
  rpc::DescribeThisDaemon("gateway", *response.add_daemons());
  for (const auto& answer : AskDaemons<v1::DaemonService, v1::GetDaemonRequest, v1::GetDaemonResponse>(
           backends, call.request_id, call.stop, &DaemonStub<v1::DaemonService>::GetDaemon))
    *response.add_daemons() = Shown(answer);
  return response;
}

}  // namespace

grpc::ServerUnaryReactor* SystemService::ListDaemons(grpc::CallbackServerContext* context,
                                                     const v1::ListDaemonsRequest*,
                                                     v1::ListDaemonsResponse* response) {
  return Guarded(workers_, context, "/banger.system.v1.SystemService/ListDaemons", response,
                 [this](const Caller&, const rpc::Call& call) { return AskAll(call, backends_); });
}

grpc::ServerUnaryReactor* SystemService::GetNetwork(grpc::CallbackServerContext* context,
                                                    const v1::GetNetworkRequest*,
                                                    v1::GetNetworkResponse* response) {
  return Guarded(workers_, context, "/banger.system.v1.SystemService/GetNetwork", response,
                 [this](const Caller&, const rpc::Call& call) {
                   return DescribeNetwork(call, *backends_.at("netd"), *backends_.at("vmd"));
                 });
}

grpc::ServerUnaryReactor* SystemService::ListOperations(grpc::CallbackServerContext* context,
                                                        const v1::ListOperationsRequest*,
                                                        v1::ListOperationsResponse* response) {
  return Guarded(workers_, context, "/banger.system.v1.SystemService/ListOperations", response,
                 [this](const Caller&, const rpc::Call&) { return operations_.List(); });
}

}  // namespace banger::gateway
