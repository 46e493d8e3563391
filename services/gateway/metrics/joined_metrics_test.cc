#include "services/gateway/metrics/joined_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/histogram.h>
#include <prometheus/registry.h>

#include "absl/strings/str_split.h"

namespace banger::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

std::vector<std::string> Lines(const JoinedMetrics& joined) {
  const std::string text = joined.Text();
  return absl::StrSplit(text, '\n', absl::SkipEmpty());
}

std::vector<prometheus::MetricFamily> Calls(double ok, double failed) {
  prometheus::Registry registry;
  auto& family = prometheus::BuildCounter().Name("calls_total").Help("Calls.").Register(registry);
  family.Add({{"code", "OK"}}).Increment(ok);
  family.Add({{"code", "INTERNAL"}}).Increment(failed);
  return registry.Collect();
}

TEST(JoinedMetricsTest, AFamilyIsThereOnceWithTheSeriesOfAllDaemons) {
  JoinedMetrics joined;
  joined.Add("vmd", Calls(5, 0));
  joined.Add("imaged", Calls(7, 2));
  joined.AddSilent("netd");
  EXPECT_THAT(Lines(joined),
              ElementsAre("# HELP banger_daemon_up Whether the daemon answered the gateway within a second.",
                          "# TYPE banger_daemon_up gauge",                       //
                          "banger_daemon_up{daemon=\"vmd\"} 1",                  //
                          "banger_daemon_up{daemon=\"imaged\"} 1",               //
                          "banger_daemon_up{daemon=\"netd\"} 0",                 //
                          "# HELP calls_total Calls.",                           //
                          "# TYPE calls_total counter",                          //
                          "calls_total{daemon=\"vmd\",code=\"INTERNAL\"} 0",     //
                          "calls_total{daemon=\"vmd\",code=\"OK\"} 5",           //
                          "calls_total{daemon=\"imaged\",code=\"INTERNAL\"} 2",  //
                          "calls_total{daemon=\"imaged\",code=\"OK\"} 7"));
}

TEST(JoinedMetricsTest, HistogramsKeepTheirBuckets) {
  prometheus::Registry registry;
  prometheus::BuildHistogram()
      .Name("seconds")
      .Help("Time.")
      .Register(registry)
      .Add({}, prometheus::Histogram::BucketBoundaries{0.5, 1})
      .Observe(0.75);
  JoinedMetrics joined;
  joined.Add("vmd", registry.Collect());
  EXPECT_THAT(joined.Text(), HasSubstr("seconds_count{daemon=\"vmd\"} 1\n"
                                       "seconds_sum{daemon=\"vmd\"} 0.75\n"
                                       "seconds_bucket{daemon=\"vmd\",le=\"0.5\"} 0\n"
                                       "seconds_bucket{daemon=\"vmd\",le=\"1\"} 1\n"
                                       "seconds_bucket{daemon=\"vmd\",le=\"+Inf\"} 1\n"));
}

TEST(JoinedMetricsTest, WhatIsOfAnotherTypeInAnotherVersionIsLeftOut) {
  prometheus::Registry registry;
  prometheus::BuildGauge().Name("calls_total").Help("Now a gauge.").Register(registry).Add({}).Set(3);
  JoinedMetrics joined;
  joined.Add("vmd", Calls(1, 1));
  joined.Add("imaged", registry.Collect());
  EXPECT_THAT(joined.Text(), HasSubstr("# TYPE calls_total counter"));
  EXPECT_THAT(joined.Text(), Not(HasSubstr("calls_total{daemon=\"imaged\"")));
  EXPECT_THAT(joined.Text(), HasSubstr("banger_daemon_up{daemon=\"imaged\"} 1"));
}

TEST(JoinedMetricsTest, ALabelCannotEndItsLine) {
  prometheus::Registry registry;
  prometheus::BuildGauge()
      .Name("odd")
      .Help("Odd.")
      .Register(registry)
      .Add({{"label", "a\"} 1\nforged{b=\"\\"}})
      .Set(3);
  JoinedMetrics joined;
  joined.Add("vmd", registry.Collect());
  EXPECT_THAT(Lines(joined),
              ::testing::Contains("odd{daemon=\"vmd\",label=\"a\\\"} 1\\nforged{b=\\\"\\\\\"} 3"));
}

}  // namespace
}  // namespace banger::gateway
