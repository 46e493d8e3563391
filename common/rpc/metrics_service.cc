#include "common/rpc/metrics_service.h"

#include "common/rpc/metrics_proto.h"
#include "common/rpc/server_call.h"

namespace banger::rpc {

grpc::ServerUnaryReactor* MetricsService::GetMetrics(grpc::CallbackServerContext* context,
                                                     const system::v1::GetMetricsRequest*,
                                                     system::v1::GetMetricsResponse* response) {
  return Unary(workers_, context, response,
               [this](const Call&) -> absl::StatusOr<system::v1::GetMetricsResponse> {
                 system::v1::GetMetricsResponse all;
                 for (const prometheus::MetricFamily& family : metrics_.Collect(more_))
                   *all.add_families() = ToProto(family);
                 return all;
               });
}

}  // namespace banger::rpc
