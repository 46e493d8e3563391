#pragma once

#include <string>

#include "banger/system/v1/console_service.grpc.pb.h"
#include "common/sync/worker_pool.h"
#include "services/gateway/console/sessions.h"

namespace banger::gateway {

// Lets callers of the gateway into the web console as who they are.
class ConsoleService final : public system::v1::ConsoleService::CallbackService {
 public:
  ConsoleService(WorkerPool& workers, ConsoleSessions& sessions) : workers_(workers), sessions_(sessions) {}

  // Where the console is; before it serves. Without, it is off.
  void SetAddress(const std::string& address) { address_ = address; }

  grpc::ServerUnaryReactor* CreateConsoleLogin(grpc::CallbackServerContext* context,
                                               const system::v1::CreateConsoleLoginRequest* request,
                                               system::v1::CreateConsoleLoginResponse* response) override;

 private:
  WorkerPool& workers_;
  ConsoleSessions& sessions_;
  std::string address_;
};

}  // namespace banger::gateway
