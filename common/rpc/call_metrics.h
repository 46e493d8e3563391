#pragma once

#include <prometheus/registry.h>

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "common/rpc/call.h"
#include "common/sync/mutex.h"

namespace banger::rpc {

// Counts calls for Prometheus, by the names that gRPC's interceptors in other languages
// have made usual:
//   grpc_server_handled_total      calls that have ended, by grpc_code
//   grpc_server_handling_seconds   how long they took, streams from first to last
//   grpc_server_in_flight          calls that have not
// each by grpc_service, grpc_method and grpc_type. A method's series begin with its first
// call. Only methods of protos in this program have any: the rest is one method
// "unknown", so that no client makes series. Some 150 ns for each call.
class CallMetrics final : public CallCounter {
 public:
  CallMetrics();
  ~CallMetrics() override;

  MethodCounter& Of(const std::string& method) override;

  std::vector<prometheus::MetricFamily> Collect() const { return registry_.Collect(); }

 private:
  class Method;
  struct Names;

  std::unique_ptr<Method> Make(const Names& names);

  prometheus::Registry registry_;
  prometheus::Family<prometheus::Counter>& handled_;
  prometheus::Family<prometheus::Histogram>& seconds_;
  prometheus::Family<prometheus::Gauge>& in_flight_;
  Mutex mutex_;
  std::unordered_map<std::string, std::unique_ptr<Method>> methods_ ABSL_GUARDED_BY(mutex_);  // by path
};

}  // namespace banger::rpc
