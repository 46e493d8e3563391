#include "common/rpc/server.h"

#include <grpcpp/ext/health_check_service_server_builder_option.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/server_posix.h>
#include <grpcpp/support/server_interceptor.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "common/log/log.h"
#include "common/rpc/call.h"
#include "common/status/error.h"
#include "common/status/status_macros.h"

namespace banger::rpc {
namespace {

using grpc::experimental::InterceptionHookPoints;
using grpc::experimental::Interceptor;
using grpc::experimental::InterceptorBatchMethods;
using grpc::experimental::ServerInterceptorFactoryInterface;
using grpc::experimental::ServerRpcInfo;

constexpr int kMaxMessageBytes = 8 << 20;

// Replaces every banger-peer-* of the client by the truth.
class IdentityInterceptor final : public Interceptor {
 public:
  IdentityInterceptor(const std::string& uid, const char* method) : uid_(uid), method_(method) {}

  void Intercept(InterceptorBatchMethods* methods) override {
    if (methods->QueryInterceptionHookPoint(InterceptionHookPoints::POST_RECV_INITIAL_METADATA)) {
      auto* metadata = methods->GetRecvInitialMetadata();
      for (auto it = metadata->begin(); it != metadata->end();)
        it = it->first.starts_with(kPeerPrefix) ? metadata->erase(it) : std::next(it);
      metadata->insert({kPeerUidKey, uid_});
      metadata->insert({kPeerMethodKey, method_});
    }
    methods->Proceed();
  }

 private:
  const std::string& uid_;  // of the factory, which outlives all calls
  const char* method_;      // of the call's own info
};

class IdentityInterceptorFactory final : public ServerInterceptorFactoryInterface {
 public:
  explicit IdentityInterceptorFactory(uid_t uid) : uid_(absl::StrCat(uid)) {}
  Interceptor* CreateServerInterceptor(ServerRpcInfo* info) override {
    return new IdentityInterceptor(uid_, info->method());
  }

 private:
  const std::string uid_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(ServerOptions options) {
  grpc::EnableDefaultHealthCheckService(true);
  UniqueFd wake(::eventfd(0, EFD_CLOEXEC));
  if (!wake.valid()) return ErrnoError(errno, "create eventfd");
  BANGER_ASSIGN_OR_RETURN(UniqueFd listener, ListenUnix(options.socket, options.socket_mode));
  return std::unique_ptr<Server>(new Server(std::move(options), std::move(listener), std::move(wake)));
}

Server::Server(ServerOptions options, UniqueFd listener, UniqueFd wake)
    : options_(std::move(options)), listener_(std::move(listener)), wake_(std::move(wake)) {
  acceptor_ = std::thread([this] { Accept(); });
}

Server::~Server() { Shutdown(std::chrono::milliseconds(0)); }

void Server::Accept() {
  for (;;) {
    pollfd fds[] = {{listener_.get(), POLLIN, 0}, {wake_.get(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[1].revents != 0) return;
    if (fds[0].revents == 0) continue;
    UniqueFd connection(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (connection.valid()) {
      Serve(std::move(connection));
    } else if (errno == EMFILE || errno == ENFILE || errno == ENOMEM) {
      // The connection stays in the backlog; without a pause this loop would spin.
      log::Warn("accept: out of descriptors or memory");
      ::poll(&fds[1], 1, 100);
    }
  }
}

void Server::Serve(UniqueFd connection) {
  const absl::StatusOr<PeerCredentials> peer = GetPeerCredentials(connection.get());
  if (!peer.ok()) return;
  if (options_.authorize && !options_.authorize(*peer)) {
    log::Warn("connection refused", {{"uid", absl::StrCat(peer->uid)}, {"pid", absl::StrCat(peer->pid)}});
    return;
  }
  grpc::Server* server = ForUid(peer->uid);
  if (server != nullptr) grpc::AddInsecureChannelFromFd(server, connection.Release());
}

grpc::Server* Server::ForUid(uid_t uid) {
  const MutexLock lock(mutex_);
  if (down_) return nullptr;
  std::unique_ptr<grpc::Server>& server = servers_[uid];
  if (server != nullptr) return server.get();
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMaxMessageBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 1000);
  if (!options_.default_health)
    builder.SetOption(std::make_unique<grpc::HealthCheckServiceServerBuilderOption>(nullptr));
  options_.configure(builder);
  std::vector<std::unique_ptr<ServerInterceptorFactoryInterface>> interceptors;
  interceptors.push_back(std::make_unique<IdentityInterceptorFactory>(uid));
  builder.experimental().SetInterceptorCreators(std::move(interceptors));
  server = builder.BuildAndStart();
  if (server == nullptr) log::Error("gRPC refuses to build a server");
  return server.get();
}

void Server::Shutdown(std::chrono::milliseconds grace) {
  std::vector<grpc::Server*> servers;
  {
    const MutexLock lock(mutex_);
    if (down_) return;
    down_ = true;
    for (auto& [uid, server] : servers_)
      if (server != nullptr) servers.push_back(server.get());
  }
  ::unlink(options_.socket.c_str());
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t n = ::write(wake_.get(), &one, sizeof one);
  acceptor_.join();
  for (grpc::Server* server : servers)
    if (server->GetHealthCheckService() != nullptr) server->GetHealthCheckService()->SetServingStatus(false);
  const auto deadline = std::chrono::system_clock::now() + grace;
  for (grpc::Server* server : servers) server->Shutdown(deadline);
  for (grpc::Server* server : servers) server->Wait();
}

}  // namespace banger::rpc
