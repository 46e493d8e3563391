#include "services/gateway/metrics/metrics_server.h"

#include <utility>
#include <vector>

#include "banger/system/v1/metrics_service.grpc.pb.h"
#include "common/log/log.h"
#include "common/rpc/call.h"
#include "common/rpc/metrics_proto.h"
#include "common/status/status_macros.h"
#include "services/gateway/ask_daemons.h"
#include "services/gateway/metrics/joined_metrics.h"

namespace banger::gateway {
namespace {

namespace v1 = system::v1;

HttpResponse Text(int status, const std::string& type, std::string body) {
  return {.status = status, .headers = {{"Content-Type", type}}, .body = std::move(body), .stream = nullptr};
}

std::vector<prometheus::MetricFamily> Families(const v1::GetMetricsResponse& response) {
  std::vector<prometheus::MetricFamily> families;
  for (const v1::MetricFamily& family : response.families()) families.push_back(rpc::FromProto(family));
  return families;
}

}  // namespace

absl::StatusOr<std::unique_ptr<MetricsServer>> MetricsServer::Start(const std::string& address,
                                                                    rpc::DaemonMetrics& own,
                                                                    const Backends& backends,
                                                                    HttpLimits limits) {
  std::unique_ptr<MetricsServer> server(new MetricsServer(own, backends));
  const auto handle = [raw = server.get()](const HttpRequest& request) { return raw->Handle(request); };
  BANGER_ASSIGN_OR_RETURN(server->http_, HttpServer::Start("metrics_listen_addr", address,
                                                           HttpReach::kOtherHosts, handle, limits));
  log::Info("serving metrics", {{"address", server->address()}});
  return server;
}

MetricsServer::~MetricsServer() {
  stop_.request_stop();
  http_.reset();
}

HttpResponse MetricsServer::Handle(const HttpRequest& request) {
  if (request.path != "/metrics") return Text(404, "text/plain", "metrics are at /metrics\n");
  if (request.method == "GET") return Text(200, "text/plain; version=0.0.4; charset=utf-8", Page());
  HttpResponse refused = Text(405, "text/plain", "metrics are to be read: GET\n");
  refused.headers.emplace_back("Allow", "GET");
  return refused;
}

std::string MetricsServer::Page() {
  JoinedMetrics joined;
  joined.Add("gateway", own_.Collect());
  for (const auto& answer : AskDaemons<v1::MetricsService, v1::GetMetricsRequest, v1::GetMetricsResponse>(
           backends_, rpc::NewRequestId(), stop_.get_token(), &DaemonStub<v1::MetricsService>::GetMetrics)) {
    const std::string& daemon = answer.backend.daemon();
    if (answer.status.ok()) {
      joined.Add(daemon, Families(answer.response));
    } else {
      joined.AddSilent(daemon);
    }
  }
  return joined.Text();
}

}  // namespace banger::gateway
