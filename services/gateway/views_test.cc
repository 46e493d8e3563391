// What the gateway answers itself: health, reflection, daemons.
#include <google/protobuf/descriptor.pb.h>

#include <set>

#include "banger/system/v1/system_service.grpc.pb.h"
#include "services/gateway/reflection_service.h"
#include "services/gateway/testing/gateway_fixture.h"

namespace banger::gateway {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsSupersetOf;
using ::testing::Not;

class ViewsTest : public GatewayTest {
 protected:
  grpc::Status Check(const std::string& service, HealthCheckResponse& response) {
    grpc::ClientContext context;
    HealthCheckRequest request;
    request.set_service(service);
    return grpc::health::v1::Health::NewStub(channel_)->Check(&context, request, &response);
  }

  template <typename Protocol, typename Request, typename Response>
  Response Reflect(const Request& request) {
    grpc::ClientContext context;
    const auto stream = Protocol::NewStub(channel_)->ServerReflectionInfo(&context);
    Response response;
    EXPECT_TRUE(stream->Write(request) && stream->Read(&response));
    stream->WritesDone();
    EXPECT_TRUE(stream->Finish().ok());
    return response;
  }
};

TEST_F(ViewsTest, TheGatewayIsHealthyAndAServiceIsWhileItsDaemonAnswers) {
  HealthCheckResponse response;
  ASSERT_TRUE(Check("", response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  for (const char* service : {"banger.vm.v1.VmService", "banger.kernel.v1.KernelService",
                              "banger.image.v1.ImageService", "banger.network.v1.NetworkService"}) {
    ASSERT_TRUE(Check(service, response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING) << service;
  }
  const grpc::Status unknown = Check("banger.NoService", response);
  EXPECT_EQ(unknown.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_THAT(unknown.error_message(), HasSubstr("banger.NoService"));
}

TEST_F(ViewsTest, AWatchSeesADaemonComeAndGo) {
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  grpc::ClientContext context;
  HealthCheckRequest request;
  request.set_service("banger.vm.v1.VmService");
  const auto watch = health->Watch(&context, request);
  HealthCheckResponse response;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(watch->Read(&response));
    EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
    StartVmd();
    ASSERT_TRUE(watch->Read(&response));
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
    vmd_.reset();
  }
  ASSERT_TRUE(watch->Read(&response));
  context.TryCancel();
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ViewsTest, AWatchDoesNotDelayTheShutdown) {
  const auto health = grpc::health::v1::Health::NewStub(channel_);
  grpc::ClientContext context;
  const auto watch = health->Watch(&context, {});
  HealthCheckResponse response;
  ASSERT_TRUE(watch->Read(&response));
  parts_->OnShutdown();
  ASSERT_TRUE(watch->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  EXPECT_FALSE(watch->Read(&response));
  EXPECT_EQ(watch->Finish().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ViewsTest, TheGatewayDoesNotDelayTheShutdownOfADaemon) {
  StartVmd();
  ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
  const auto begin = std::chrono::steady_clock::now();
  vmd_->Shutdown(kSoon);
  EXPECT_LT(std::chrono::steady_clock::now() - begin, kSoon);
}

template <typename Response>
std::set<std::string> NamesIn(const Response& response) {
  std::set<std::string> names;
  for (const auto& service : response.list_services_response().service()) names.insert(service.name());
  return names;
}

TEST_F(ViewsTest, ReflectionListsWhatCanBeCalledInBothVersions) {
  namespace v1 = grpc::reflection::v1;
  namespace v1alpha = grpc::reflection::v1alpha;
  v1::ServerReflectionRequest request;
  request.set_list_services("");
  const std::set<std::string> listed = NamesIn(
      Reflect<v1::ServerReflection, v1::ServerReflectionRequest, v1::ServerReflectionResponse>(request));
  v1alpha::ServerReflectionRequest request_alpha;
  request_alpha.set_list_services("");
  const std::set<std::string> listed_alpha = NamesIn(
      Reflect<v1alpha::ServerReflection, v1alpha::ServerReflectionRequest, v1alpha::ServerReflectionResponse>(
          request_alpha));

  EXPECT_EQ(listed, listed_alpha);
  EXPECT_THAT(listed, IsSupersetOf({"banger.vm.v1.VmService", "banger.kernel.v1.KernelService",
                                    "banger.image.v1.ImageService", "banger.system.v1.SystemService",
                                    "grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"}));
  EXPECT_THAT(listed, Not(Contains("banger.network.v1.NetworkService")));
}

TEST_F(ViewsTest, ReflectionGivesAllFilesThatASymbolNeeds) {
  namespace v1 = grpc::reflection::v1;
  v1::ServerReflectionRequest request;
  request.set_file_containing_symbol("banger.vm.v1.VmService");
  const auto response =
      Reflect<v1::ServerReflection, v1::ServerReflectionRequest, v1::ServerReflectionResponse>(request);
  std::set<std::string> files, needed;
  for (const std::string& bytes : response.file_descriptor_response().file_descriptor_proto()) {
    google::protobuf::FileDescriptorProto file;
    ASSERT_TRUE(file.ParseFromString(bytes));
    EXPECT_TRUE(files.insert(file.name()).second) << file.name() << " came twice";
    needed.insert(file.dependency().begin(), file.dependency().end());
  }
  EXPECT_THAT(files, Contains("banger/vm/v1/vm_service.proto"));
  EXPECT_THAT(files, IsSupersetOf(needed));
}

TEST_F(ViewsTest, ReflectionSaysWhatItDoesNotKnow) {
  namespace v1 = grpc::reflection::v1;
  v1::ServerReflectionRequest request;
  request.set_file_containing_symbol("no.such.Thing");
  auto response =
      Reflect<v1::ServerReflection, v1::ServerReflectionRequest, v1::ServerReflectionResponse>(request);
  EXPECT_EQ(response.error_response().error_code(), grpc::StatusCode::NOT_FOUND);
  response = Reflect<v1::ServerReflection, v1::ServerReflectionRequest, v1::ServerReflectionResponse>(
      v1::ServerReflectionRequest());
  EXPECT_EQ(response.error_response().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
}

TEST_F(ViewsTest, AllDaemonsAreListedThoseThatAreAwayWithTheReason) {
  StartVmd();
  rpc::ClientCall call("", kSoon);
  system::v1::ListDaemonsResponse response;
  ASSERT_TRUE(system::v1::SystemService::NewStub(channel_)->ListDaemons(call.context(), {}, &response).ok());
  std::vector<std::string> names, broken;
  for (const system::v1::Daemon& daemon : response.daemons()) {
    names.push_back(daemon.name());
    if (daemon.error().empty()) {
      EXPECT_EQ(daemon.pid(), ::getpid());
    } else {
      broken.push_back(daemon.error());
    }
  }
  EXPECT_THAT(names, ElementsAre("daemons/gateway", "daemons/imaged", "daemons/kerneld", "daemons/netd",
                                 "daemons/vmd"));
  EXPECT_THAT(broken, ElementsAre(HasSubstr("imaged is not running"), HasSubstr("kerneld is not running"),
                                  HasSubstr("netd is not running")));
}

}  // namespace
}  // namespace banger::gateway
