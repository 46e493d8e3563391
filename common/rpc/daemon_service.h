#pragma once

#include <string>

#include "banger/system/v1/daemon_service.grpc.pb.h"

namespace banger::rpc {

// Fills in what this build is.
void DescribeThisDaemon(const std::string& name, system::v1::Daemon& daemon);

// What every daemon says about itself. Never blocks, so it needs no workers.
class DaemonService final : public system::v1::DaemonService::CallbackService {
 public:
  explicit DaemonService(std::string name) : name_(std::move(name)) {}

  grpc::ServerUnaryReactor* GetDaemon(grpc::CallbackServerContext* context,
                                      const system::v1::GetDaemonRequest* request,
                                      system::v1::GetDaemonResponse* response) override;

 private:
  const std::string name_;
};

}  // namespace banger::rpc
