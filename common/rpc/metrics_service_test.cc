// A daemon's calls, counted as its server counts them, and read over its socket.
#include "common/rpc/metrics_service.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <prometheus/gauge.h>

#include <cmath>
#include <map>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/rpc/metrics_proto.h"
#include "common/rpc/server.h"
#include "common/rpc/server_call.h"
#include "common/status/error.h"
#include "common/testing/countdown.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "common/version/version.h"

namespace banger::rpc {
namespace {

namespace v1 = ::banger::kernel::v1;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::Pair;

// GetKernel knows only "kernels/here", and with "kernels/busy" waits for `release`; pulls
// send until nobody reads.
class KernelDouble final : public v1::KernelService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetKernel(grpc::CallbackServerContext* context,
                                      const v1::GetKernelRequest* request,
                                      v1::GetKernelResponse* response) override {
    return Unary(workers_, context, response,
                 [this, request](const Call&) -> absl::StatusOr<v1::GetKernelResponse> {
                   if (request->name() == "kernels/busy") {
                     busy.CountDown();
                     release.Wait();
                   } else if (request->name() != "kernels/here") {
                     return ApiError(absl::StatusCode::kNotFound, "KERNEL_NOT_FOUND", "none");
                   }
                   return v1::GetKernelResponse();
                 });
  }
  grpc::ServerWriteReactor<v1::PullKernelResponse>* PullKernel(grpc::CallbackServerContext* context,
                                                               const v1::PullKernelRequest*) override {
    return ServerStream<v1::PullKernelResponse>(
        workers_, context, [](const Call&, Writer<v1::PullKernelResponse>& out) -> absl::Status {
          while (out.Send(v1::PullKernelResponse())) {
          }
          return absl::CancelledError("the caller has left");
        });
  }

  // More than any test here has calls one after the other: a worker that has answered may
  // not be free at once.
  static constexpr int kWorkers = 4;
  Countdown busy{kWorkers};
  Countdown release{1};

 private:
  WorkerPool workers_{kWorkers, 0};
};

class MetricsServiceTest : public ::testing::Test {
 protected:
  using Families = std::map<std::string, prometheus::MetricFamily>;

  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create());
    ASSERT_OK_AND_ASSIGN(server_, Server::Start({.socket = dir_.path() / "s",
                                                 .configure = [this](grpc::ServerBuilder& builder) {
                                                   builder.RegisterService(&kernels_);
                                                   builder.RegisterService(&shown_);
                                                 }}));
    channel_ = ConnectDaemon(dir_.path() / "s");
    stub_ = v1::KernelService::NewStub(channel_);
  }

  absl::Status Get(const std::string& name) {
    ClientCall call("", 20s);
    v1::GetKernelRequest request;
    request.set_name(name);
    v1::GetKernelResponse response;
    return FromGrpc(stub_->GetKernel(call.context(), request, &response));
  }

  Families Read() {
    ClientCall call("", 20s);
    system::v1::GetMetricsResponse response;
    EXPECT_OK(
        FromGrpc(system::v1::MetricsService::NewStub(channel_)->GetMetrics(call.context(), {}, &response)));
    Families families;
    for (const auto& family : response.families())
      EXPECT_TRUE(families.emplace(family.name(), FromProto(family)).second) << family.name();
    return families;
  }
  static std::string Label(const prometheus::ClientMetric& metric, const std::string& name) {
    for (const auto& label : metric.label)
      if (label.name == name) return label.value;
    return "";
  }
  // Of kernels' calls: "GetKernel OK".
  std::map<std::string, double> Handled() {
    std::map<std::string, double> handled;
    const prometheus::MetricFamily family = Read()["grpc_server_handled_total"];
    for (const auto& metric : family.metric)
      if (Label(metric, "grpc_service") == "banger.kernel.v1.KernelService")
        handled[absl::StrCat(Label(metric, "grpc_method"), " ", Label(metric, "grpc_code"))] =
            metric.counter.value;
    return handled;
  }
  double InFlight(const std::string& method) {
    const prometheus::MetricFamily family = Read()["grpc_server_in_flight"];
    for (const auto& metric : family.metric)
      if (Label(metric, "grpc_method") == method) return metric.gauge.value;
    return -1;
  }

  TempDir dir_;
  DaemonMetrics metrics_;
  KernelDouble kernels_;
  MetricsService shown_{metrics_, [](prometheus::Registry& registry) {
                          prometheus::BuildGauge()
                              .Name("things")
                              .Help("Those of this daemon.")
                              .Register(registry)
                              .Add({{"kind", "a"}})
                              .Set(7);
                        }};
  std::unique_ptr<Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::KernelService::Stub> stub_;
};

TEST_F(MetricsServiceTest, EachCallIsCountedOnceWithItsResult) {
  ASSERT_OK(Get("kernels/here"));
  ASSERT_OK(Get("kernels/here"));
  EXPECT_THAT(Get("kernels/other"), StatusIs(absl::StatusCode::kNotFound));
  EXPECT_THAT(Handled(), ElementsAre(Pair("GetKernel NOT_FOUND", 1), Pair("GetKernel OK", 2)));
  EXPECT_EQ(InFlight("GetKernel"), 0);
}

TEST_F(MetricsServiceTest, ACallThatIsRefusedForLackOfWorkersIsCounted) {
  std::vector<std::jthread> callers;
  for (int i = 0; i < KernelDouble::kWorkers; ++i)
    callers.emplace_back([this] { EXPECT_OK(Get("kernels/busy")); });
  kernels_.busy.Wait();
  // Metrics are there all the same.
  EXPECT_EQ(InFlight("GetKernel"), KernelDouble::kWorkers);
  EXPECT_THAT(Get("kernels/here"), StatusIs(absl::StatusCode::kResourceExhausted));
  kernels_.release.CountDown();
  callers.clear();
  EXPECT_THAT(Handled(), ElementsAre(Pair("GetKernel OK", KernelDouble::kWorkers),
                                     Pair("GetKernel RESOURCE_EXHAUSTED", 1)));
}

TEST_F(MetricsServiceTest, AStreamIsInFlightUntilItsCallerLeaves) {
  ClientCall call("", 20s);
  const auto reader = stub_->PullKernel(call.context(), {});
  v1::PullKernelResponse message;
  ASSERT_TRUE(reader->Read(&message));
  EXPECT_EQ(InFlight("PullKernel"), 1);
  call.context()->TryCancel();
  EXPECT_FALSE(reader->Finish().ok());
  EXPECT_TRUE(Eventually([this] { return InFlight("PullKernel") == 0; }));
  EXPECT_THAT(Handled(), ElementsAre(Pair("PullKernel CANCELLED", 1)));
}

TEST_F(MetricsServiceTest, ProcessBuildAndWhatTheDaemonAddsAreThere) {
  const Families families = Read();
  EXPECT_GT(families.at("process_resident_memory_bytes").metric.at(0).gauge.value, 1 << 20);
  EXPECT_EQ(families.at("process_cpu_seconds_total").type, prometheus::MetricType::Counter);
  const prometheus::ClientMetric& build = families.at("banger_build_info").metric.at(0);
  EXPECT_EQ(build.gauge.value, 1);
  EXPECT_EQ(Label(build, "version"), GetBuildInfo().version);
  EXPECT_EQ(Label(build, "commit"), GetBuildInfo().commit);
  EXPECT_EQ(families.at("things").metric.at(0).gauge.value, 7);
  EXPECT_EQ(families.at("things").help, "Those of this daemon.");
}

TEST_F(MetricsServiceTest, AHistogramPassesTheWireAsItIs) {
  ASSERT_OK(Get("kernels/here"));
  const prometheus::MetricFamily seconds = Read()["grpc_server_handling_seconds"];
  EXPECT_EQ(seconds.type, prometheus::MetricType::Histogram);
  for (const auto& metric : seconds.metric) {
    if (Label(metric, "grpc_method") != "GetKernel") continue;
    EXPECT_EQ(metric.histogram.sample_count, 1u);
    EXPECT_GT(metric.histogram.sample_sum, 0);
    ASSERT_EQ(metric.histogram.bucket.size(), 19u);
    EXPECT_TRUE(std::isinf(metric.histogram.bucket.back().upper_bound));
    EXPECT_EQ(metric.histogram.bucket.back().cumulative_count, 1u);
    return;
  }
  ADD_FAILURE() << "no histogram of GetKernel";
}

}  // namespace
}  // namespace banger::rpc
