#pragma once

#include <string>

#include "banger/system/v1/system_service.grpc.pb.h"
#include "common/sync/worker_pool.h"
#include "services/gateway/forwarder.h"
#include "services/gateway/operations.h"

namespace banger::gateway {

// The host as a whole, asked of the daemons. Blocks its workers for some seconds
// at most.
class SystemService final : public system::v1::SystemService::CallbackService {
 public:
  SystemService(WorkerPool& workers, const Backends& backends, const Operations& operations)
      : workers_(workers), backends_(backends), operations_(operations) {}

  grpc::ServerUnaryReactor* ListDaemons(grpc::CallbackServerContext* context,
                                        const system::v1::ListDaemonsRequest* request,
                                        system::v1::ListDaemonsResponse* response) override;
  grpc::ServerUnaryReactor* GetNetwork(grpc::CallbackServerContext* context,
                                       const system::v1::GetNetworkRequest* request,
                                       system::v1::GetNetworkResponse* response) override;
  grpc::ServerUnaryReactor* ListOperations(grpc::CallbackServerContext* context,
                                           const system::v1::ListOperationsRequest* request,
                                           system::v1::ListOperationsResponse* response) override;

 private:
  WorkerPool& workers_;
  const Backends& backends_;
  const Operations& operations_;
};

}  // namespace banger::gateway
