// What the audit log says of calls, and what it never says.
#include "services/gateway/audit.h"

#include <grpcpp/generic/generic_stub.h>

#include "banger/image/v1/image_service.pb.h"
#include "banger/system/v1/system_service.grpc.pb.h"
#include "common/testing/countdown.h"
#include "services/gateway/testing/gateway_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

grpc::ByteBuffer Bytes(const google::protobuf::Message& message) {
  const grpc::Slice slice(message.SerializeAsString());
  return grpc::ByteBuffer(&slice, 1);
}

TEST(ResourceTest, IsTheFieldThatThePolicyNames) {
  vm::v1::StopVmRequest stop;
  stop.set_name("vms/web");
  EXPECT_EQ(ResourceIn(Bytes(stop), "/banger.vm.v1.VmService/StopVm", "name"), "vms/web");
  image::v1::ImportImageRequest import;
  import.mutable_spec()->set_name("images/mine");
  EXPECT_EQ(ResourceIn(Bytes(import), "/banger.image.v1.ImageService/ImportImage", "spec.name"),
            "images/mine");
  EXPECT_EQ(ResourceIn(Bytes(stop), "/banger.vm.v1.VmService/StopVm", "timeout"), "?");
}

TEST(ResourceTest, HidesWhatCouldBeALoginAndIsShort) {
  image::v1::PullImageRequest pull;
  const auto shown = [&pull](const std::string& reference) {
    pull.set_reference(reference);
    return ResourceIn(Bytes(pull), "/banger.image.v1.ImageService/PullImage", "reference");
  };
  EXPECT_EQ(shown("me:s3cret@registry/app:1"), "...@registry/app:1");
  EXPECT_EQ(shown("registry/app@sha256:00ff"), "registry/app@sha256:00ff");
  EXPECT_EQ(shown("me:s3cret@registry/app@sha256:00ff"), "...@registry/app@sha256:00ff");
  EXPECT_LT(shown(std::string(100000, 'x')).size(), 200u);
}

TEST(ResourceTest, WhatIsNoRequestIsAQuestionMark) {
  const grpc::Slice slice("\xff\xff\xff");
  EXPECT_EQ(ResourceIn(grpc::ByteBuffer(&slice, 1), "/banger.vm.v1.VmService/StopVm", "name"), "?");
}

class AuditTest : public GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    StartVmd();
    ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
  }

  std::string RoleOf(const PeerCredentials&, const std::vector<gid_t>&) override { return "viewer"; }

  // What was logged meanwhile. A call's line is written before its client has the end.
  template <typename Action>
  static std::string LoggedBy(Action action) {
    ::testing::internal::CaptureStdout();
    action();
    return ::testing::internal::GetCapturedStdout();
  }
};

TEST_F(AuditTest, ACallIsALineOfWhoWhatAndHowItEnded) {
  const std::string log = LoggedBy([this] {
    rpc::ClientCall call("r-17", kSoon);
    vm::v1::GetVmRequest request;
    request.set_name("vms/missing");
    vm::v1::GetVmResponse response;
    EXPECT_FALSE(vms_->GetVm(call.context(), request, &response).ok());
  });
  EXPECT_THAT(log, HasSubstr(absl::StrCat("audit client=uid:", ::geteuid(),
                                          " role=viewer method=/banger.vm.v1.VmService/GetVm "
                                          "resource=vms/missing code=NOT_FOUND ms=")));
  EXPECT_THAT(log, HasSubstr("request=r-17"));
}

TEST_F(AuditTest, ARefusedCallIsInItToo) {
  EXPECT_THAT(LoggedBy([this] {
                rpc::ClientCall call("", kSoon);
                vm::v1::StopVmResponse response;
                EXPECT_FALSE(vms_->StopVm(call.context(), {}, &response).ok());
              }),
              HasSubstr("method=/banger.vm.v1.VmService/StopVm resource=\"\" code=PERMISSION_DENIED"));
}

TEST_F(AuditTest, ALineIsShortWhateverIsCalled) {
  const std::string log = LoggedBy([this] {
    rpc::ClientCall call("", kSoon);
    grpc::GenericStub stub(channel_);
    const grpc::Slice slice("");
    const grpc::ByteBuffer request(&slice, 1);
    grpc::CompletionQueue queue;
    const auto reader = stub.PrepareUnaryCall(call.context(), "/" + std::string(1500, 'x'), request, &queue);
    reader->StartCall();
    grpc::ByteBuffer response;
    grpc::Status status;
    reader->Finish(&response, &status, nullptr);
    void* tag = nullptr;
    bool ok = false;
    queue.Next(&tag, &ok);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  });
  EXPECT_THAT(log, HasSubstr("xxx... resource="));
  EXPECT_LT(log.size(), 1000u);
}

TEST_F(AuditTest, WhatTheGatewayAnswersItselfIsInItToo) {
  EXPECT_THAT(
      LoggedBy([this] {
        rpc::ClientCall call("", kSoon);
        system::v1::ListDaemonsResponse response;
        EXPECT_TRUE(
            system::v1::SystemService::NewStub(channel_)->ListDaemons(call.context(), {}, &response).ok());
      }),
      HasSubstr("role=viewer method=/banger.system.v1.SystemService/ListDaemons resource=\"\" code=OK"));
}

class BusyTest : public AuditTest {
 protected:
  void SetUp() override {
    AuditTest::SetUp();
    for (int i = 0; i < kWorkers; ++i)
      ASSERT_TRUE(workers_->Submit([this] {
        busy_.CountDown();
        free_.Wait();
      }));
    busy_.Wait();
    while (workers_->Submit([] {})) {  // what waits in the queue
    }
  }
  void TearDown() override {
    free_.CountDown();
    AuditTest::TearDown();
  }

 private:
  Countdown busy_{kWorkers};
  Countdown free_{1};
};

TEST_F(BusyTest, ACallForWhichThereIsNoWorkerIsInItToo) {
  EXPECT_THAT(LoggedBy([this] {
                rpc::ClientCall call("", kSoon);
                system::v1::ListDaemonsResponse response;
                EXPECT_EQ(system::v1::SystemService::NewStub(channel_)
                              ->ListDaemons(call.context(), {}, &response)
                              .error_code(),
                          grpc::StatusCode::RESOURCE_EXHAUSTED);
              }),
              HasSubstr("method=/banger.system.v1.SystemService/ListDaemons resource=\"\" "
                        "code=RESOURCE_EXHAUSTED"));
}

class SecretsTest : public AuditTest {
  std::string RoleOf(const PeerCredentials&, const std::vector<gid_t>&) override { return "operator"; }
};

TEST_F(SecretsTest, NothingElseOfAMessageOrOfMetadataIsInIt) {
  const std::string log = LoggedBy([this] {
    rpc::ClientCall call("", kSoon);
    call.context()->AddMetadata("authorization", "s3cret-token");
    const auto stream = vms_->ExecVm(call.context());
    vm::v1::ExecVmRequest request;
    request.set_name("vms/web");
    request.mutable_input()->set_stdin("s3cret-stdin");
    stream->Write(request);
    stream->WritesDone();
    vm::v1::ExecVmResponse response;
    while (stream->Read(&response)) {
    }
    EXPECT_TRUE(stream->Finish().ok());
  });
  EXPECT_THAT(log, HasSubstr("method=/banger.vm.v1.VmService/ExecVm resource=vms/web code=OK"));
  EXPECT_THAT(log, Not(HasSubstr("s3cret")));
}

}  // namespace
}  // namespace banger::gateway
