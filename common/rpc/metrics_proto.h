// Families of metrics between daemon and gateway.
#pragma once

#include <prometheus/metric_family.h>

#include "banger/system/v1/metrics_service.pb.h"

namespace banger::rpc {

// Counters, gauges and histograms: there are no others.
system::v1::MetricFamily ToProto(const prometheus::MetricFamily& family);

// A type that this build does not know becomes untyped, whose values are kept.
prometheus::MetricFamily FromProto(const system::v1::MetricFamily& family);

}  // namespace banger::rpc
