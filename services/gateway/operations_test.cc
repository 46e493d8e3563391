// What a restart would cut off.
#include "services/gateway/operations.h"

#include <memory>

#include "banger/system/v1/system_service.grpc.pb.h"
#include "services/gateway/testing/gateway_fixture.h"

namespace banger::gateway {
namespace {

using system::v1::Operation;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::Property;
using ::testing::StartsWith;

class OperationsTest : public GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    StartVmd();
    ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
  }

  std::vector<Operation> List() {
    rpc::ClientCall call("", kSoon);
    system::v1::ListOperationsResponse response;
    const grpc::Status status = system::v1::SystemService::NewStub(channel_)->ListOperations(
        call.context(), system::v1::ListOperationsRequest(), &response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return {response.operations().begin(), response.operations().end()};
  }
};

// A shell in a VM, as an agent's that runs for hours.
TEST_F(OperationsTest, ACommandInAVmCountsFromItsFirstMessageToItsEnd) {
  EXPECT_THAT(List(), ElementsAre());
  grpc::ClientContext context;
  const auto stream = vms_->ExecVm(&context);
  vm::v1::ExecVmRequest request;
  request.set_name("vms/echo");
  vm::v1::ExecVmResponse response;
  ASSERT_TRUE(stream->Write(request));
  request.mutable_input()->set_stdin("a");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_THAT(List(), ElementsAre(AllOf(Property(&Operation::method, "/banger.vm.v1.VmService/ExecVm"),
                                        Property(&Operation::resource, "vms/echo"),
                                        Property(&Operation::caller, StartsWith("uid:")),
                                        Property(&Operation::has_start_time, true))));
  stream->WritesDone();
  while (stream->Read(&response)) {
  }
  stream->Finish();
  EXPECT_TRUE(Eventually([this] { return List().empty(); }));
}

TEST_F(OperationsTest, WhoOnlyLooksDoesNotCount) {
  grpc::ClientContext context;
  vm::v1::GetVmRequest request;
  request.set_name("vms/hang");
  vm::v1::GetVmResponse response;
  std::thread looks([&] { vms_->GetVm(&context, request, &response); });
  EXPECT_TRUE(Eventually([this] { return fake_.hung == 1; }));
  EXPECT_THAT(List(), ElementsAre());
  context.TryCancel();
  looks.join();
}

TEST_F(OperationsTest, WhoLeavesNoLongerCounts) {
  grpc::ClientContext context;
  vm::v1::StopVmRequest request;
  request.set_name("vms/web");
  vm::v1::StopVmResponse response;
  std::thread stops([&] { vms_->StopVm(&context, request, &response); });
  EXPECT_TRUE(Eventually([this] { return List().size() == 1; }));
  context.TryCancel();
  stops.join();
  EXPECT_TRUE(Eventually([this] { return List().empty(); }));
}

}  // namespace
}  // namespace banger::gateway
