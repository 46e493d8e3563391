#include "common/rpc/daemon_metrics.h"

#include <prometheus/gauge.h>

#include <iterator>

#include "common/version/version.h"

namespace banger::rpc {

std::vector<prometheus::MetricFamily> DaemonMetrics::Collect(const AddMore& more) {
  prometheus::Registry now;
  process_.AddTo(now);
  const BuildInfo& build = GetBuildInfo();
  prometheus::BuildGauge()
      .Name("banger_build_info")
      .Help("What the daemon is built from; always 1.")
      .Register(now)
      .Add({{"version", build.version}, {"commit", build.commit}})
      .Set(1);
  if (more) more(now);
  std::vector<prometheus::MetricFamily> all = calls_.Collect();
  std::vector<prometheus::MetricFamily> others = now.Collect();
  all.insert(all.end(), std::make_move_iterator(others.begin()), std::make_move_iterator(others.end()));
  return all;
}

}  // namespace banger::rpc
