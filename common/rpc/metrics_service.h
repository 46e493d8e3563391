#pragma once

#include <utility>

#include "banger/system/v1/metrics_service.grpc.pb.h"
#include "common/rpc/daemon_metrics.h"
#include "common/sync/worker_pool.h"

namespace banger::rpc {

// What every daemon but the gateway counts, for the gateway. On a worker of its own: it
// answers also when those of the daemon are all busy, which is when one wants to know.
class MetricsService final : public system::v1::MetricsService::CallbackService {
 public:
  // `metrics` outlive this; `more` is what the daemon has besides, and may block shortly.
  MetricsService(DaemonMetrics& metrics, DaemonMetrics::AddMore more)
      : metrics_(metrics), more_(std::move(more)) {}

  grpc::ServerUnaryReactor* GetMetrics(grpc::CallbackServerContext* context,
                                       const system::v1::GetMetricsRequest* request,
                                       system::v1::GetMetricsResponse* response) override;

 private:
  static constexpr std::size_t kMaxWaiting = 16;

  DaemonMetrics& metrics_;
  const DaemonMetrics::AddMore more_;
  WorkerPool workers_{1, kMaxWaiting};  // last: its jobs use the others
};

}  // namespace banger::rpc
