// What passes through, and how.
#include <fstream>

#include "banger/network/v1/network_service.grpc.pb.h"
#include "google/rpc/status.pb.h"
#include "services/gateway/testing/gateway_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Key;
using ::testing::Not;
using ::testing::Pair;
using ::testing::SizeIs;
using ::testing::StartsWith;
using namespace std::chrono_literals;

std::vector<std::string> ValuesOf(const FakeVmd::Metadata& metadata, const std::string& key) {
  std::vector<std::string> values;
  for (auto [it, end] = metadata.equal_range(key); it != end; ++it) values.push_back(it->second);
  return values;
}

std::size_t ResidentBytes() {
  std::size_t total = 0, resident = 0;
  std::ifstream("/proc/self/statm") >> total >> resident;
  return resident * static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
}

class ForwardingTest : public GatewayTest {
 protected:
  void SetUp() override {
    GatewayTest::SetUp();
    StartVmd();
    ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
  }

  grpc::Status GetVm(grpc::ClientContext& context, const std::string& name) {
    vm::v1::GetVmRequest request;
    request.set_name(name);
    vm::v1::GetVmResponse response;
    return vms_->GetVm(&context, request, &response);
  }
  using GatewayTest::GetVm;
};

TEST_F(ForwardingTest, AnEarlyAnswerReachesAClientThatStillSends) {
  for (int i = 0; i < 200; ++i) {
    grpc::ClientContext context;
    const auto stream = vms_->ExecVm(&context);
    vm::v1::ExecVmRequest request;
    request.set_name("vms/refuse");
    request.mutable_input()->set_stdin(std::string(256 << 10, 'x'));
    while (stream->Write(request)) {
    }
    const grpc::Status status = stream->Finish();
    ASSERT_EQ(status.error_message(), "vm 'refuse' is stopped") << i << " code " << status.error_code();
  }
}

TEST_F(ForwardingTest, MetadataPassesBothWaysBinaryToo) {
  const std::string binary("\x00\x01\xfe\xff", 4);
  grpc::ClientContext context;
  context.AddMetadata("my-key", "one");
  context.AddMetadata("my-key", "two");
  context.AddMetadata("my-key-bin", binary);
  ASSERT_TRUE(GetVm(context, "vms/a").ok());

  EXPECT_THAT(ValuesOf(fake_.received(), "my-key"), ElementsAre("one", "two"));
  EXPECT_THAT(ValuesOf(fake_.received(), "my-key-bin"), ElementsAre(binary));
  EXPECT_THAT(context.GetServerInitialMetadata(), Contains(Pair("fake-head", "h")));
  EXPECT_THAT(context.GetServerTrailingMetadata(),
              Contains(Pair("fake-tail-bin", grpc::string_ref("t\0\xff", 3))));
}

TEST_F(ForwardingTest, ARequestIdIsKeptAndOtherwiseMade) {
  grpc::ClientContext with;
  with.AddMetadata(rpc::kRequestIdKey, "r-17");
  ASSERT_TRUE(GetVm(with, "vms/a").ok());
  EXPECT_THAT(ValuesOf(fake_.received(), rpc::kRequestIdKey), ElementsAre("r-17"));

  grpc::ClientContext without;
  ASSERT_TRUE(GetVm(without, "vms/a").ok());
  EXPECT_THAT(ValuesOf(fake_.received(), rpc::kRequestIdKey), ElementsAre(SizeIs(16)));
}

TEST_F(ForwardingTest, NobodyPassesForSomebodyElse) {
  // A backend that takes what comes, unlike rpc::Server, which stamps its own peer.
  vmd_.reset();
  grpc::ServerBuilder builder;
  builder.AddListeningPort("unix:" + paths_.Socket("vmd").string(), grpc::InsecureServerCredentials());
  builder.RegisterService(&fake_);
  const auto plain = builder.BuildAndStart();

  grpc::ClientContext context;
  context.AddMetadata(rpc::kPeerUidKey, "4711");
  context.AddMetadata("banger-peer-role", "admin");
  ASSERT_TRUE(GetVm(context, "vms/a").ok());
  EXPECT_THAT(fake_.received(), Not(Contains(Key(StartsWith(rpc::kPeerPrefix)))));
  // The gateway may watch its health by now, and would for ever.
  plain->Shutdown(std::chrono::system_clock::now());
}

TEST_F(ForwardingTest, TheDeadlineReachesTheDaemon) {
  ASSERT_OK_AND_ASSIGN(const vm::v1::Vm vm, GetVm("vms/a", 500s));
  EXPECT_GT(vm.memory_mib(), 400);
  EXPECT_LE(vm.memory_mib(), 500);
  EXPECT_THAT(GetVm("vms/hang", 50ms), StatusIs(absl::StatusCode::kDeadlineExceeded));
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == 1; }));
}

TEST_F(ForwardingTest, AnErrorComesWithItsDetailsOnce) {
  grpc::ClientContext context;
  const grpc::Status status = GetVm(context, "vms/missing");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::NOT_FOUND);
  EXPECT_EQ(status.error_message(), "vm 'mïssing' not found");
  EXPECT_EQ(context.GetServerTrailingMetadata().count("grpc-status-details-bin"), 1u);
  google::rpc::Status details;
  ASSERT_TRUE(details.ParseFromString(status.error_details()));
  EXPECT_EQ(details.details_size(), 1);
  EXPECT_EQ(ErrorReason(rpc::FromGrpc(status)), "VM_NOT_FOUND");
  EXPECT_THAT(GetErrorMetadata(rpc::FromGrpc(status)), Contains(Pair("vm", "missing")));
}

TEST_F(ForwardingTest, BothDirectionsOfAStreamAreIndependentAndHalfCloseEndsIt) {
  grpc::ClientContext context;
  const auto stream = vms_->ExecVm(&context);
  vm::v1::ExecVmRequest request;
  request.set_name("vms/echo");
  ASSERT_TRUE(stream->Write(request));
  for (const char* text : {"a", "", "ccc"}) {
    request.mutable_input()->set_stdin(text);
    ASSERT_TRUE(stream->Write(request));
    vm::v1::ExecVmResponse response;
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.output().stdout(), text);
  }
  ASSERT_TRUE(stream->WritesDone());
  vm::v1::ExecVmResponse none;
  EXPECT_FALSE(stream->Read(&none));
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ForwardingTest, ADaemonMayEndAStreamThatTheClientStillWritesTo) {
  for (int i = 0; i < 50; ++i) {
    grpc::ClientContext context;
    const auto stream = vms_->ExecVm(&context);
    vm::v1::ExecVmRequest request;
    request.set_name("vms/refuse");
    request.mutable_input()->set_stdin(std::string(FakeVmd::kChunk, 'x'));
    while (stream->Write(request)) {
    }
    EXPECT_EQ(ErrorReason(rpc::FromGrpc(stream->Finish())), "VM_NOT_RUNNING");
  }
}

TEST_F(ForwardingTest, SixtyFourMebibytesPassBothWaysUnharmed) {
  constexpr int kChunks = 1024;
  grpc::ClientContext context;
  const auto stream = vms_->ExecVm(&context);
  vm::v1::ExecVmRequest request;
  request.set_name("vms/echo");
  ASSERT_TRUE(stream->Write(request));
  std::thread writer([&] {
    for (int i = 0; i < kChunks; ++i) {
      request.mutable_input()->set_stdin(std::string(FakeVmd::kChunk, static_cast<char>(i)));
      if (!stream->Write(request)) break;
    }
    stream->WritesDone();
  });
  int received = 0;
  for (vm::v1::ExecVmResponse response; stream->Read(&response); ++received)
    EXPECT_TRUE(response.output().stdout() == std::string(FakeVmd::kChunk, static_cast<char>(received)));
  writer.join();
  EXPECT_EQ(received, kChunks);
  EXPECT_TRUE(stream->Finish().ok());
}

TEST_F(ForwardingTest, AMessageIsRefusedForItsSizeAsTheDaemonWould) {
  vm::v1::GetVmRequest request;
  request.set_name(std::string(7 << 20, 'n'));
  vm::v1::GetVmResponse response;
  grpc::ClientContext fits;
  EXPECT_TRUE(vms_->GetVm(&fits, request, &response).ok());
  request.set_name(std::string(9 << 20, 'n'));
  grpc::ClientContext too_big;
  EXPECT_EQ(vms_->GetVm(&too_big, request, &response).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ForwardingTest, ASlowReaderSlowsTheDaemonDownInsteadOfFillingMemory) {
  grpc::ClientContext context;
  vm::v1::ReadVmLogRequest endless;
  endless.set_name("vms/a");
  const auto stream = vms_->ReadVmLog(&context, endless);
  vm::v1::ReadVmLogResponse response;
  ASSERT_TRUE(stream->Read(&response));
  const std::size_t before = ResidentBytes();
  EXPECT_FALSE(Eventually([this] { return fake_.log_bytes_sent >= 48u << 20; }, 2s));
  EXPECT_LT(ResidentBytes(), before + (96u << 20));
  ASSERT_TRUE(stream->Read(&response));
  context.TryCancel();
  while (stream->Read(&response)) {
  }
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ForwardingTest, ACancelledCallIsCancelledInTheDaemon) {
  grpc::ClientContext context;
  const auto stream = vms_->ExecVm(&context);
  vm::v1::ExecVmRequest request;
  request.set_name("vms/hang");
  ASSERT_TRUE(stream->Write(request));
  ASSERT_TRUE(Eventually([this] { return fake_.hung == 1; }));
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(Eventually([this] { return fake_.cancelled == 1; }));
}

TEST_F(ForwardingTest, ServicesThatAreNotForUsersAreNotReached) {
  const auto network = network::v1::NetworkService::NewStub(channel_);
  grpc::ClientContext context;
  network::v1::GetNetworkResponse response;
  const grpc::Status status = network->GetNetwork(&context, {}, &response);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_THAT(status.error_message(), HasSubstr("/banger.network.v1.NetworkService/GetNetwork"));
  EXPECT_EQ(ErrorReason(rpc::FromGrpc(status)), "SERVICE_UNKNOWN");
}

TEST_F(ForwardingTest, AMethodThatTheDaemonDoesNotKnowIsItsAnswer) {
  grpc::ClientContext context;
  vm::v1::KillVmResponse response;
  EXPECT_EQ(vms_->KillVm(&context, {}, &response).error_code(), grpc::StatusCode::UNIMPLEMENTED);
}

}  // namespace
}  // namespace banger::gateway
