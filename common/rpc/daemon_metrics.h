// All that a daemon shows of itself to Prometheus.
#pragma once

#include <prometheus/registry.h>

#include <functional>
#include <vector>

#include "common/rpc/call_metrics.h"
#include "common/rpc/process_metrics.h"

namespace banger::rpc {

// One a process: while it lives it is what counts the process's calls. Thread-safe.
class DaemonMetrics {
 public:
  // Adds families to a registry that is made for one answer.
  using AddMore = std::function<void(prometheus::Registry&)>;

  DaemonMetrics() { SetCallCounter(&calls_); }
  ~DaemonMetrics() { SetCallCounter(nullptr); }
  DaemonMetrics(const DaemonMetrics&) = delete;
  DaemonMetrics& operator=(const DaemonMetrics&) = delete;

  // Calls, process, build, and `more`.
  std::vector<prometheus::MetricFamily> Collect(const AddMore& more = {});

 private:
  CallMetrics calls_;
  ProcessMetrics process_;
};

}  // namespace banger::rpc
