#include "common/rpc/call_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "banger/kernel/v1/kernel_service.pb.h"

namespace banger::rpc {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::SizeIs;

constexpr char kGetKernel[] = "/banger.kernel.v1.KernelService/GetKernel";
constexpr char kImportKernel[] = "/banger.kernel.v1.KernelService/ImportKernel";

class CallMetricsTest : public ::testing::Test {
 protected:
  // Whatever the linker thinks, the protos are in this program.
  CallMetricsTest() { kernel::v1::GetKernelRequest::descriptor(); }

  prometheus::MetricFamily Family(const std::string& name) const {
    for (prometheus::MetricFamily& family : metrics_.Collect())
      if (family.name == name) return family;
    ADD_FAILURE() << "no family " << name;
    return {};
  }
  static std::string Label(const prometheus::ClientMetric& metric, const std::string& name) {
    for (const auto& label : metric.label)
      if (label.name == name) return label.value;
    return "";
  }
  // "GetKernel OK": how many have ended so.
  std::map<std::string, double> Handled() const {
    std::map<std::string, double> handled;
    const prometheus::MetricFamily family = Family("grpc_server_handled_total");
    for (const auto& metric : family.metric)
      handled[absl::StrCat(Label(metric, "grpc_method"), " ", Label(metric, "grpc_code"))] =
          metric.counter.value;
    return handled;
  }
  double InFlight() const {
    double all = 0;
    const prometheus::MetricFamily family = Family("grpc_server_in_flight");
    for (const auto& metric : family.metric) all += metric.gauge.value;
    return all;
  }
  void Count(const std::string& path, grpc::StatusCode code, std::chrono::nanoseconds elapsed = 1ms) {
    MethodCounter& method = metrics_.Of(path);
    method.Begin();
    method.End(code, elapsed);
  }

  CallMetrics metrics_;
};

TEST_F(CallMetricsTest, ACallIsCountedByItsResult) {
  Count(kGetKernel, grpc::StatusCode::OK);
  Count(kGetKernel, grpc::StatusCode::OK);
  Count(kGetKernel, grpc::StatusCode::NOT_FOUND);
  Count(kImportKernel, grpc::StatusCode::CANCELLED);
  EXPECT_THAT(Handled(), ElementsAre(Pair("GetKernel NOT_FOUND", 1), Pair("GetKernel OK", 2),
                                     Pair("ImportKernel CANCELLED", 1)));
  std::map<std::string, std::string> types;
  const prometheus::MetricFamily seconds = Family("grpc_server_handling_seconds");
  for (const auto& metric : seconds.metric) {
    EXPECT_EQ(Label(metric, "grpc_service"), "banger.kernel.v1.KernelService");
    types[Label(metric, "grpc_method")] = Label(metric, "grpc_type");
  }
  EXPECT_THAT(types, ElementsAre(Pair("GetKernel", "unary"), Pair("ImportKernel", "bidi_stream")));
}

TEST_F(CallMetricsTest, ACodeThatGrpcDoesNotKnowIsUnknown) {
  for (const int code : {17, 99, -1, std::numeric_limits<int>::max()})
    Count(kGetKernel, static_cast<grpc::StatusCode>(code));
  EXPECT_THAT(Handled(), ElementsAre(Pair("GetKernel UNKNOWN", 4)));
}

TEST_F(CallMetricsTest, WhatHasBegunIsInFlightUntilItEnds) {
  MethodCounter& method = metrics_.Of(kGetKernel);
  method.Begin();
  method.Begin();
  EXPECT_EQ(InFlight(), 2);
  method.End(grpc::StatusCode::OK, 1ms);
  EXPECT_EQ(InFlight(), 1);
  method.End(grpc::StatusCode::INTERNAL, 1ms);
  EXPECT_EQ(InFlight(), 0);
}

TEST_F(CallMetricsTest, ADurationIsInTheBucketsOfItsBoundAndAllGreaterOnes) {
  for (const std::chrono::nanoseconds elapsed :
       std::initializer_list<std::chrono::nanoseconds>{10us, 1ms, 3s, 10min, 1h})
    Count(kGetKernel, grpc::StatusCode::OK, elapsed);
  const prometheus::MetricFamily family = Family("grpc_server_handling_seconds");
  ASSERT_THAT(family.metric, SizeIs(1));
  const prometheus::ClientMetric::Histogram& histogram = family.metric[0].histogram;
  EXPECT_EQ(histogram.sample_count, 5u);
  EXPECT_NEAR(histogram.sample_sum, 0.00001 + 0.001 + 3 + 600 + 3600, 1e-6);
  std::map<double, std::uint64_t> counts;
  for (const auto& bucket : histogram.bucket) counts[bucket.upper_bound] = bucket.cumulative_count;
  EXPECT_EQ(counts.size(), 19u);
  EXPECT_EQ(counts.at(0.001), 2u);
  EXPECT_EQ(counts.at(2.5), 2u);
  EXPECT_EQ(counts.at(5), 3u);
  EXPECT_EQ(counts.at(300), 3u);
  EXPECT_EQ(counts.at(600), 4u);
  EXPECT_EQ(counts.at(std::numeric_limits<double>::infinity()), 5u);
}

TEST_F(CallMetricsTest, ManyThreadsLoseNoCall) {
  constexpr int kThreads = 8, kCalls = 5000;
  std::vector<std::jthread> threads;
  for (int i = 0; i < kThreads; ++i)
    threads.emplace_back([this, i] {
      for (int call = 0; call < kCalls; ++call)
        Count(call % 2 == 0 ? kGetKernel : kImportKernel, static_cast<grpc::StatusCode>((call + i) % 17));
    });
  // Whoever looks meanwhile disturbs nobody.
  for (int i = 0; i < 100; ++i) metrics_.Collect();
  threads.clear();
  double handled = 0;
  for (const auto& [name, count] : Handled()) handled += count;
  EXPECT_EQ(handled, kThreads * kCalls);
  std::uint64_t timed = 0;
  const prometheus::MetricFamily seconds = Family("grpc_server_handling_seconds");
  for (const auto& metric : seconds.metric) timed += metric.histogram.sample_count;
  EXPECT_EQ(timed, static_cast<std::uint64_t>(kThreads * kCalls));
  EXPECT_EQ(InFlight(), 0);
}

TEST_F(CallMetricsTest, NamesThatClientsMakeUpMakeNoSeries) {
  const std::set<std::string> made_up = {"",
                                         "/",
                                         "//",
                                         "unknown",
                                         "/unknown",
                                         "GetKernel",
                                         "banger.kernel.v1.KernelService/GetKernel",
                                         "/banger.kernel.v1.KernelService/GetKernel/",
                                         "/banger.kernel.v1.KernelService",
                                         "/banger.kernel.v1.KernelService/Get",
                                         "/banger.kernel.v1/KernelService.GetKernel",
                                         "/banger/kernel.v1.KernelService.GetKernel",
                                         "/banger.kernel.v1.KernelService.GetKernel/",
                                         "/banger.kernel.v1.KernelService/getkernel",
                                         "/banger.kernel.v1.KernelService/GetKernel\n",
                                         std::string("/banger.kernel.v1.KernelService/GetKernel\0x", 43),
                                         "/\xff\xfe{grpc_code=\"OK\"} 1\n/x",
                                         "/" + std::string(16 << 10, 'x') + "/y"};
  for (const std::string& path : made_up) Count(path, grpc::StatusCode::UNIMPLEMENTED);
  for (int i = 0; i < 10000; ++i)
    Count(absl::StrCat("/banger.kernel.v1.KernelService/M", i), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(Handled(),
              ElementsAre(Pair("unknown UNIMPLEMENTED", 10000 + static_cast<double>(made_up.size()))));
  EXPECT_THAT(Family("grpc_server_handling_seconds").metric, SizeIs(1));
  EXPECT_THAT(Family("grpc_server_in_flight").metric, SizeIs(1));
}

}  // namespace
}  // namespace banger::rpc
