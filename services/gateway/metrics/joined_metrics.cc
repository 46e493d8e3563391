#include "services/gateway/metrics/joined_metrics.h"

#include <prometheus/text_serializer.h>

#include <algorithm>
#include <utility>

namespace banger::gateway {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;

constexpr char kUp[] = "banger_daemon_up";
constexpr char kDaemonLabel[] = "daemon";

bool InOrder(const ClientMetric& a, const ClientMetric& b) { return a.label < b.label; }

}  // namespace

JoinedMetrics::JoinedMetrics() {
  MetricFamily& up = families_[kUp];
  up.name = kUp;
  up.help = "Whether the daemon answered the gateway within a second.";
  up.type = prometheus::MetricType::Gauge;
}

void JoinedMetrics::Add(const std::string& daemon, std::vector<MetricFamily> families) {
  AddUp(daemon, 1);
  for (MetricFamily& family : families) {
    for (ClientMetric& metric : family.metric)
      metric.label.insert(metric.label.begin(), ClientMetric::Label{kDaemonLabel, daemon});
    std::sort(family.metric.begin(), family.metric.end(), InOrder);
    const auto [joined, is_new] = families_.try_emplace(family.name, family);
    // Of another type only while daemons of two versions run, and then it means another
    // thing.
    if (is_new || joined->second.type != family.type) continue;
    std::vector<ClientMetric>& series = joined->second.metric;
    series.insert(series.end(), family.metric.begin(), family.metric.end());
  }
}

void JoinedMetrics::AddSilent(const std::string& daemon) { AddUp(daemon, 0); }

void JoinedMetrics::AddUp(const std::string& daemon, double value) {
  ClientMetric& up = families_[kUp].metric.emplace_back();
  up.label.push_back({kDaemonLabel, daemon});
  up.gauge.value = value;
}

std::string JoinedMetrics::Text() const {
  std::vector<MetricFamily> families;
  families.reserve(families_.size());
  for (const auto& [name, family] : families_) families.push_back(family);
  return prometheus::TextSerializer().Serialize(families);
}

}  // namespace banger::gateway
