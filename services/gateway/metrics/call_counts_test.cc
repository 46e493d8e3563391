// Whatever becomes of a call, it is counted once.
#include <grpcpp/generic/generic_stub.h>

#include "banger/system/v1/console_service.grpc.pb.h"
#include "banger/system/v1/metrics_service.grpc.pb.h"
#include "banger/system/v1/system_service.grpc.pb.h"
#include "services/gateway/testing/metrics_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

class CallCountsTest : public MetricsFixture {};

TEST_F(CallCountsTest, EachForwardedCallIsCountedOnceHereAndOnceInItsDaemon) {
  StartVmdProcess();
  for (int i = 0; i < 3; ++i) ASSERT_OK(GetVm("vms/a"));
  EXPECT_THAT(GetVm("vms/missing"), StatusIs(absl::StatusCode::kNotFound));
  {
    grpc::ClientContext context;
    vm::v1::ReadVmLogRequest request;
    request.set_tail_lines(2);
    const auto stream = vms_->ReadVmLog(&context, request);
    vm::v1::ReadVmLogResponse response;
    while (stream->Read(&response)) {
    }
    EXPECT_TRUE(stream->Finish().ok());
  }
  {
    grpc::ClientContext context;
    const auto stream = vms_->ExecVm(&context);
    vm::v1::ExecVmRequest request;
    request.set_name("vms/refuse");
    ASSERT_TRUE(stream->Write(request));
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  }
  for (const char* daemon : {"gateway", "vmd"})
    EXPECT_THAT(Handled(daemon),
                ElementsAre(Pair("ExecVm FAILED_PRECONDITION", 1), Pair("GetVm NOT_FOUND", 1),
                            Pair("GetVm OK", 3), Pair("ReadVmLog OK", 1)))
        << daemon;
  EXPECT_EQ(InFlight("gateway"), 0);
  EXPECT_EQ(InFlight("vmd"), 0);
}

TEST_F(CallCountsTest, ACallIsInFlightUntilItIsCancelled) {
  StartVmdProcess();
  grpc::ClientContext context;
  const auto stream = vms_->ExecVm(&context);
  vm::v1::ExecVmRequest request;
  request.set_name("vms/hang");
  ASSERT_TRUE(stream->Write(request));
  EXPECT_TRUE(Eventually([this] { return InFlight("gateway") == 1 && InFlight("vmd") == 1; }));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([this] { return InFlight("gateway") == 0 && InFlight("vmd") == 0; }));
  EXPECT_THAT(Handled("gateway"), ElementsAre(Pair("ExecVm CANCELLED", 1)));
  EXPECT_THAT(Handled("vmd"), ElementsAre(Pair("ExecVm CANCELLED", 1)));
}

TEST_F(CallCountsTest, ACallForADaemonThatIsAwayIsCountedOnce) {
  EXPECT_THAT(GetVm("vms/a"), StatusIs(absl::StatusCode::kUnavailable));
  // Nobody waits any more: the other way to refuse.
  EXPECT_THAT(GetVm("vms/a"), StatusIs(absl::StatusCode::kUnavailable));
  EXPECT_THAT(Handled("gateway"), ElementsAre(Pair("GetVm UNAVAILABLE", 2)));
}

TEST_F(CallCountsTest, TheGatewaysOwnCallsAreCountedOnceToo) {
  rpc::ClientCall list("", kSoon), login("", kSoon);
  system::v1::ListDaemonsResponse daemons;
  ASSERT_OK(
      rpc::FromGrpc(system::v1::SystemService::NewStub(channel_)->ListDaemons(list.context(), {}, &daemons)));
  system::v1::CreateConsoleLoginResponse url;
  EXPECT_THAT(rpc::FromGrpc(system::v1::ConsoleService::NewStub(channel_)->CreateConsoleLogin(login.context(),
                                                                                              {}, &url)),
              StatusIs(absl::StatusCode::kFailedPrecondition));
  EXPECT_THAT(Handled("gateway"),
              ElementsAre(Pair("CreateConsoleLogin FAILED_PRECONDITION", 1), Pair("ListDaemons OK", 1)));
}

TEST_F(CallCountsTest, WhatNobodyServesIsOneSeries) {
  const auto stub = system::v1::MetricsService::NewStub(channel_);
  rpc::ClientCall call("", kSoon);
  system::v1::GetMetricsResponse response;
  // Daemons have it for the gateway, which forwards it to nobody.
  EXPECT_EQ(ErrorReason(rpc::FromGrpc(stub->GetMetrics(call.context(), {}, &response))), "SERVICE_UNKNOWN");
  grpc::GenericStub any(channel_);
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    grpc::CompletionQueue queue;
    const auto made_up = any.PrepareUnaryCall(&context, absl::StrCat("/a.b.C/M", i), {}, &queue);
    grpc::ByteBuffer answer;
    grpc::Status status;
    made_up->StartCall();
    made_up->Finish(&answer, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    ASSERT_TRUE(queue.Next(&tag, &ok));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  }
  EXPECT_THAT(Handled("gateway"),
              ElementsAre(Pair("GetMetrics UNIMPLEMENTED", 1), Pair("unknown UNIMPLEMENTED", 50)));
}

class RolelessCallCountsTest : public CallCountsTest {
 protected:
  RolelessCallCountsTest() { role_ = "none"; }
};

TEST_F(RolelessCallCountsTest, RefusedCallsAreCountedOnce) {
  EXPECT_THAT(GetVm("vms/a"), StatusIs(absl::StatusCode::kPermissionDenied));
  rpc::ClientCall list("", kSoon);
  system::v1::ListDaemonsResponse daemons;
  EXPECT_THAT(
      rpc::FromGrpc(system::v1::SystemService::NewStub(channel_)->ListDaemons(list.context(), {}, &daemons)),
      StatusIs(absl::StatusCode::kPermissionDenied));
  EXPECT_THAT(Handled("gateway"),
              ElementsAre(Pair("GetVm PERMISSION_DENIED", 1), Pair("ListDaemons PERMISSION_DENIED", 1)));
}

}  // namespace
}  // namespace banger::gateway
