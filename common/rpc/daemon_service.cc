#include "common/rpc/daemon_service.h"

#include <unistd.h>

#include "common/version/version.h"

namespace banger::rpc {

void DescribeThisDaemon(const std::string& name, system::v1::Daemon& daemon) {
  const BuildInfo& build = GetBuildInfo();
  daemon.set_name("daemons/" + name);
  daemon.set_version(build.version);
  daemon.set_commit(build.commit);
  daemon.set_build_time(build.time);
  daemon.set_pid(::getpid());
}

grpc::ServerUnaryReactor* DaemonService::GetDaemon(grpc::CallbackServerContext* context,
                                                   const system::v1::GetDaemonRequest*,
                                                   system::v1::GetDaemonResponse* response) {
  DescribeThisDaemon(name_, *response->mutable_daemon());
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

}  // namespace banger::rpc
