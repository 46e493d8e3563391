// The main loop of every host daemon.
//
//   int main(int argc, char** argv) {
//     banger::rpc::EnableReflection();
//     return banger::rpc::RunDaemon(argc, argv, {.name = "kerneld"}, banger::kerneld::MakeServer);
//   }
#pragma once

#include <grpcpp/server_builder.h>

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "common/config/config.h"
#include "common/config/paths.h"
#include "common/os/unix_socket.h"
#include "common/rpc/daemon_metrics.h"
#include "common/sync/worker_pool.h"

namespace banger::rpc {

struct DaemonSpec {
  // "kerneld": its socket, lock, log lines and error domain.
  std::string name;
  // Who may connect besides its own user: nobody, as users speak to the gateway.
  unsigned socket_mode = 0600;
  // Flags of its own, each with a value: "--client-uid".
  std::vector<std::string> own_flags;
  bool default_health = true;
  // Off for the gateway, which shows what all daemons count and serves that otherwise.
  bool metrics_service = true;
  // How many blocking calls it serves at once.
  std::size_t max_workers = 256;
  // The newest schema of its database that it knows, for --version; 0: it has none.
  std::size_t store_version = 0;
};

struct DaemonContext {
  const Config& config;
  const Paths& paths;
  WorkerPool& workers;
  DaemonMetrics& metrics;
  std::map<std::string, std::string> own_flags;
};

// What a daemon is made of: adapters, core and services, in one object.
class DaemonParts {
 public:
  virtual ~DaemonParts() = default;
  // Called once for each identity that connects.
  virtual void Register(grpc::ServerBuilder& builder) = 0;
  virtual bool Authorize(const PeerCredentials&) { return true; }
  // See ServerOptions::role_of; empty where there are no roles.
  virtual std::string RoleOf(const PeerCredentials&, const std::vector<gid_t>&) { return ""; }
  // Shows what it has besides, with the values of now. Blocks shortly at most.
  virtual void AddMetrics(prometheus::Registry&) {}
  // The socket listens: background work may begin.
  virtual void OnServing() {}
  // SIGTERM came, or it could not serve: background work must end soon. Once.
  virtual void OnShutdown() {}
};

using MakeParts = std::function<absl::StatusOr<std::unique_ptr<DaemonParts>>(const DaemonContext&)>;

// Parses flags, reads the configuration, takes the lock that a second instance
// would need, makes the parts, serves until SIGTERM or SIGINT, and ends in order.
// The exit code: 0, 1 for what went wrong, 2 for a wrong command line or
// configuration.
int RunDaemon(int argc, char** argv, const DaemonSpec& spec, const MakeParts& make);

}  // namespace banger::rpc
