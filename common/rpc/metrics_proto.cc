#include "common/rpc/metrics_proto.h"

#include <map>

namespace banger::rpc {
namespace {

namespace v1 = system::v1;
using prometheus::ClientMetric;
using prometheus::MetricType;

v1::MetricFamily::Type ToProto(MetricType type) {
  switch (type) {
    case MetricType::Counter:
      return v1::MetricFamily::TYPE_COUNTER;
    case MetricType::Gauge:
      return v1::MetricFamily::TYPE_GAUGE;
    case MetricType::Histogram:
      return v1::MetricFamily::TYPE_HISTOGRAM;
    default:
      return v1::MetricFamily::TYPE_UNSPECIFIED;
  }
}

MetricType FromProto(v1::MetricFamily::Type type) {
  switch (type) {
    case v1::MetricFamily::TYPE_COUNTER:
      return MetricType::Counter;
    case v1::MetricFamily::TYPE_GAUGE:
      return MetricType::Gauge;
    case v1::MetricFamily::TYPE_HISTOGRAM:
      return MetricType::Histogram;
    default:
      return MetricType::Untyped;
  }
}

v1::Histogram ToProto(const ClientMetric::Histogram& histogram) {
  v1::Histogram proto;
  for (const ClientMetric::Bucket& bucket : histogram.bucket) {
    v1::Histogram::Bucket& added = *proto.add_buckets();
    added.set_upper_bound(bucket.upper_bound);
    added.set_cumulative_count(bucket.cumulative_count);
  }
  proto.set_sum(histogram.sample_sum);
  return proto;
}

ClientMetric::Histogram FromProto(const v1::Histogram& proto) {
  ClientMetric::Histogram histogram;
  for (const v1::Histogram::Bucket& bucket : proto.buckets())
    histogram.bucket.push_back(
        {.cumulative_count = bucket.cumulative_count(), .upper_bound = bucket.upper_bound()});
  // The last bucket is without bound.
  if (!histogram.bucket.empty()) histogram.sample_count = histogram.bucket.back().cumulative_count;
  histogram.sample_sum = proto.sum();
  return histogram;
}

}  // namespace

v1::MetricFamily ToProto(const prometheus::MetricFamily& family) {
  v1::MetricFamily proto;
  proto.set_name(family.name);
  proto.set_help(family.help);
  proto.set_type(ToProto(family.type));
  for (const ClientMetric& metric : family.metric) {
    v1::Metric& added = *proto.add_metrics();
    for (const ClientMetric::Label& label : metric.label) (*added.mutable_labels())[label.name] = label.value;
    if (family.type == MetricType::Counter) added.set_value(metric.counter.value);
    if (family.type == MetricType::Gauge) added.set_value(metric.gauge.value);
    if (family.type == MetricType::Histogram) *added.mutable_histogram() = ToProto(metric.histogram);
  }
  return proto;
}

prometheus::MetricFamily FromProto(const v1::MetricFamily& proto) {
  prometheus::MetricFamily family;
  family.name = proto.name();
  family.help = proto.help();
  family.type = FromProto(proto.type());
  for (const v1::Metric& metric : proto.metrics()) {
    ClientMetric& added = family.metric.emplace_back();
    // In one order, whatever the wire has.
    for (const auto& [name, value] :
         std::map<std::string, std::string>(metric.labels().begin(), metric.labels().end()))
      added.label.push_back({.name = name, .value = value});
    added.counter.value = added.gauge.value = added.untyped.value = metric.value();
    added.histogram = FromProto(metric.histogram());
  }
  return family;
}

}  // namespace banger::rpc
