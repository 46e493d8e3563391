#pragma once

#include <string>
#include <vector>

#include "banger/guest/v1/guest_service.grpc.pb.h"
#include "common/sync/mutex.h"
#include "common/sync/worker_pool.h"
#include "services/agent/adapters/exec_session.h"
#include "services/agent/core/exec_defaults.h"

namespace banger::agent {

// RPC adapter. Each Exec, Dial, ReadTree and WriteTree takes one of `workers` as long
// as it lasts.
class GuestService final : public guest::v1::GuestService::CallbackService {
 public:
  explicit GuestService(WorkerPool& workers) : workers_(workers) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const guest::v1::GetStatusRequest* request,
                                      guest::v1::GetStatusResponse* response) override;
  grpc::ServerUnaryReactor* GetStats(grpc::CallbackServerContext* context,
                                     const guest::v1::GetStatsRequest* request,
                                     guest::v1::GetStatsResponse* response) override;
  grpc::ServerUnaryReactor* Configure(grpc::CallbackServerContext* context,
                                      const guest::v1::ConfigureRequest* request,
                                      guest::v1::ConfigureResponse* response) override;
  grpc::ServerBidiReactor<guest::v1::ExecRequest, guest::v1::ExecResponse>* Exec(
      grpc::CallbackServerContext* context) override;
  grpc::ServerBidiReactor<guest::v1::DialRequest, guest::v1::DialResponse>* Dial(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* GetListeners(grpc::CallbackServerContext* context,
                                         const guest::v1::GetListenersRequest* request,
                                         guest::v1::GetListenersResponse* response) override;
  grpc::ServerWriteReactor<guest::v1::ReadTreeResponse>* ReadTree(
      grpc::CallbackServerContext* context, const guest::v1::ReadTreeRequest* request) override;
  grpc::ServerBidiReactor<guest::v1::WriteTreeRequest, guest::v1::WriteTreeResponse>* WriteTree(
      grpc::CallbackServerContext* context) override;
  grpc::ServerUnaryReactor* Sync(grpc::CallbackServerContext* context, const guest::v1::SyncRequest* request,
                                 guest::v1::SyncResponse* response) override;
  grpc::ServerUnaryReactor* PowerOff(grpc::CallbackServerContext* context,
                                     const guest::v1::PowerOffRequest* request,
                                     guest::v1::PowerOffResponse* response) override;

 private:
  ExecDefaults image() const;

  WorkerPool& workers_;
  mutable Mutex mutex_;
  ExecDefaults image_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace banger::agent
