#pragma once

#include <memory>
#include <stop_token>
#include <string>

#include "absl/status/statusor.h"
#include "common/rpc/daemon_metrics.h"
#include "services/gateway/adapters/http_server.h"
#include "services/gateway/forwarder.h"

namespace banger::gateway {

// GET /metrics for Prometheus, and nothing else: asks all daemons each time, a second at
// most. Whoever reaches the address may read it. Thread-safe.
class MetricsServer {
 public:
  // A scrape is one short request; some at once are a second Prometheus, and people.
  static constexpr HttpLimits kLimits{
      .body_bytes = 0, .connections = 16, .request_time = std::chrono::seconds(10)};

  // `own` and `backends` outlive this. An error names metrics_listen_addr and the address
  // when it is wrong or cannot be bound.
  static absl::StatusOr<std::unique_ptr<MetricsServer>> Start(const std::string& address,
                                                              rpc::DaemonMetrics& own,
                                                              const Backends& backends,
                                                              HttpLimits limits = kLimits);

  // Scrapes under way end at once.
  ~MetricsServer();

  // With the port that it got.
  const std::string& address() const { return http_->address(); }

 private:
  MetricsServer(rpc::DaemonMetrics& own, const Backends& backends) : own_(own), backends_(backends) {}

  HttpResponse Handle(const HttpRequest& request);
  std::string Page();

  rpc::DaemonMetrics& own_;
  const Backends& backends_;
  std::stop_source stop_;
  std::unique_ptr<HttpServer> http_;
};

}  // namespace banger::gateway
