#include "common/rpc/peer_servers.h"

#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>
#include <grpcpp/support/server_interceptor.h>

#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/rpc/call.h"
#include "common/rpc/limits.h"

namespace banger::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

// What is stamped, in the form of metadata.
struct Stamp {
  std::string uid;
  std::string name;
  std::string role;
};

// Replaces every banger-peer-* of the client by the truth.
class IdentityInterceptor final : public Interceptor {
 public:
  IdentityInterceptor(const Stamp& stamp, const char* method) : stamp_(stamp), method_(method) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      auto* metadata = methods->GetRecvInitialMetadata();
      for (auto it = metadata->begin(); it != metadata->end();)
        it = it->first.starts_with(kPeerPrefix) ? metadata->erase(it) : std::next(it);
      metadata->insert({kPeerUidKey, stamp_.uid});
      metadata->insert({kPeerMethodKey, method_});
      if (!stamp_.name.empty()) metadata->insert({kPeerNameKey, stamp_.name});
      if (!stamp_.role.empty()) metadata->insert({kPeerRoleKey, stamp_.role});
    }
    methods->Proceed();
  }

 private:
  const Stamp& stamp_;  // of the factory, which outlives all calls
  const char* method_;  // of the call's own info
};

class IdentityInterceptorFactory final : public ServerInterceptorFactoryInterface {
 public:
  explicit IdentityInterceptorFactory(const Peer& peer)
      : stamp_{.uid = absl::StrCat(peer.uid), .name = peer.name, .role = peer.role} {}
  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    return new IdentityInterceptor(stamp_, info->method());
  }

 private:
  const Stamp stamp_;
};

}  // namespace

PeerServers::PeerServers(Options options) : options_(std::move(options)) {
  grpc::EnableDefaultHealthCheckService(true);
}

PeerServers::~PeerServers() { Shutdown(std::chrono::milliseconds(0)); }

void PeerServers::Serve(const Peer& peer, UniqueFd connection) {
  grpc::Server* server = For(peer);
  if (server != nullptr) grpc::AddInsecureChannelFromFd(server, connection.Release());
}

grpc::Server* PeerServers::For(const Peer& peer) {
  const MutexLock lock(mutex_);
  if (down_) return nullptr;
  std::unique_ptr<grpc::Server>& server = servers_[peer];
  if (server != nullptr) return server.get();
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  if (!options_.default_health)
    builder.SetOption(std::make_unique<grpc::HealthCheckServiceServerBuilderOption>(nullptr));
  options_.configure(builder);
  std::vector<std::unique_ptr<ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<IdentityInterceptorFactory>(peer));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  server = builder.BuildAndStart();
  if (server == nullptr) log::Error("gRPC refuses to build a server");
  return server.get();
}

void PeerServers::Shutdown(std::chrono::milliseconds grace) {
  std::vector<grpc::Server*> servers;
  {
    const MutexLock lock(mutex_);
    if (down_) return;
    down_ = true;
    for (auto& [peer, server] : servers_)
      if (server != nullptr) servers.push_back(server.get());
  }
  for (grpc::Server* server : servers)
    if (server->GetHealthCheckService() != nullptr) server->GetHealthCheckService()->SetServingStatus(false);
  const auto deadline = std::chrono::system_clock::now() + grace;
  for (grpc::Server* server : servers) server->Shutdown(deadline);
  for (grpc::Server* server : servers) server->Wait();
}

}  // namespace banger::rpc
