#include "services/gateway/server.h"

#include <string>
#include <utility>
#include <vector>

#include "banger/network/v1/network_service.pb.h"
#include "common/rpc/daemon_service.h"
#include "common/status/status_macros.h"
#include "common/sync/mutex.h"
#include "services/gateway/adapters/host_roles.h"
#include "services/gateway/console/console.h"
#include "services/gateway/console/service.h"
#include "services/gateway/forwarder.h"
#include "services/gateway/health_service.h"
#include "services/gateway/metrics/metrics_server.h"
#include "services/gateway/reflection_service.h"
#include "services/gateway/services.h"
#include "services/gateway/system_service.h"
#include "services/gateway/tcp_server.h"

namespace banger::gateway {
namespace {

const google::protobuf::ServiceDescriptor& NetworkService() {
  return *network::v1::GetNetworkRequest::descriptor()->file()->service(0);
}

std::vector<std::string> ListedServices() {
  std::vector<std::string> names;
  for (const google::protobuf::ServiceDescriptor* service : ServedServices())
    names.push_back(service->full_name());
  return names;
}

class Gateway final : public rpc::DaemonParts {
 public:
  Gateway(const rpc::DaemonContext& context, SocketRoles roles)
      : own_metrics_(context.metrics),
        socket_roles_(std::move(roles)),
        routes_(MakeRoutes(ForwardedServices())),
        reflection_v1_(ListedServices()),
        reflection_v1alpha_(ListedServices()),
        system_(context.workers, backends_, operations_),
        console_service_(context.workers, console_sessions_) {
    for (const ForwardedService& service : ForwardedServices())
      AddBackend(context.paths, service.daemon, *service.descriptor);
    // Watched and listed, never forwarded to.
    AddBackend(context.paths, "netd", NetworkService());
  }

  void Register(grpc::ServerBuilder& builder) override {
    builder.RegisterService(&health_);
    builder.RegisterService(&reflection_v1_);
    builder.RegisterService(&reflection_v1alpha_);
    builder.RegisterService(&system_);
    builder.RegisterService(&console_service_);
    const MutexLock lock(mutex_);
    forwarders_.push_back(std::make_unique<Forwarder>(routes_, backends_, operations_));
    builder.RegisterCallbackGenericService(forwarders_.back().get());
  }

  std::string RoleOf(const PeerCredentials& peer, const std::vector<gid_t>& groups) override {
    std::vector<gid_t> all = groups;
    all.push_back(peer.gid);
    return NameOf(RoleAtSocket(socket_roles_, peer.uid, all));
  }

  absl::Status ListenToTcp(const GatewayConfig& config) {
    if (config.listen.empty()) return absl::OkStatus();
    BANGER_ASSIGN_OR_RETURN(tcp_, TcpServer::Start(config, RegisterAll()));
    return absl::OkStatus();
  }

  absl::Status ServeConsole(const std::string& address) {
    if (address.empty()) return absl::OkStatus();
    BANGER_ASSIGN_OR_RETURN(console_, Console::Start(address, console_sessions_, RegisterAll()));
    console_service_.SetAddress(console_->address());
    return absl::OkStatus();
  }

  absl::Status ServeMetrics(const std::string& address) {
    if (address.empty()) return absl::OkStatus();
    BANGER_ASSIGN_OR_RETURN(metrics_server_, MetricsServer::Start(address, own_metrics_, backends_));
    return absl::OkStatus();
  }

  void OnServing() override { health_.SetServing("", true); }
  void OnShutdown() override {
    health_.Shutdown();
    metrics_server_.reset();
    console_.reset();
    tcp_.reset();
  }

 private:
  // For servers beside the daemon's own.
  std::function<void(grpc::ServerBuilder&)> RegisterAll() {
    return [this](grpc::ServerBuilder& builder) {
      Register(builder);
      builder.RegisterService(&self_);
    };
  }

  void AddBackend(const Paths& paths, const std::string& daemon,
                  const google::protobuf::ServiceDescriptor& service) {
    const std::string name = service.full_name();
    health_.SetServing(name, false);
    backends_[daemon] = std::make_unique<Backend>(Backend::Options{
        .daemon = daemon,
        .socket = paths.Socket(daemon),
        .service_config = RetryReads(service),
        .on_change = [this, name](bool serving) { health_.SetServing(name, serving); },
    });
  }

  rpc::DaemonMetrics& own_metrics_;
  const SocketRoles socket_roles_;
  const RouteTable routes_;
  HealthService health_;
  Backends backends_;
  Operations operations_;
  ReflectionV1 reflection_v1_;
  ReflectionV1Alpha reflection_v1alpha_;
  SystemService system_;
  ConsoleSessions console_sessions_;
  ConsoleService console_service_;
  Mutex mutex_;
  std::vector<std::unique_ptr<Forwarder>> forwarders_ ABSL_GUARDED_BY(mutex_);
  // Of those who come by TCP or the console; the daemon has one for its socket.
  rpc::DaemonService self_{"gateway"};
  std::unique_ptr<TcpServer> tcp_;
  std::unique_ptr<Console> console_;
  std::unique_ptr<MetricsServer> metrics_server_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<rpc::DaemonParts>> MakeParts(const rpc::DaemonContext& context) {
  BANGER_ASSIGN_OR_RETURN(SocketRoles roles, FindSocketRoles(context.config.gateway));
  auto gateway = std::make_unique<Gateway>(context, std::move(roles));
  BANGER_RETURN_IF_ERROR(gateway->ListenToTcp(context.config.gateway));
  BANGER_RETURN_IF_ERROR(gateway->ServeConsole(context.config.web_listen_addr));
  BANGER_RETURN_IF_ERROR(gateway->ServeMetrics(context.config.metrics_listen_addr));
  return gateway;
}

}  // namespace banger::gateway
