#include "common/rpc/server.h"

#include <dirent.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"
#include "banger/kernel/v1/kernel_service.grpc.pb.h"
#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/rpc/server_call.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::rpc {
namespace {

namespace v1 = ::banger::kernel::v1;
using namespace std::chrono_literals;

// Answers with who calls.
class WhoService final : public v1::KernelService::CallbackService {
 public:
  grpc::ServerUnaryReactor* GetKernel(grpc::CallbackServerContext* context, const v1::GetKernelRequest*,
                                      v1::GetKernelResponse* response) override {
    std::string roles;
    const auto [begin, end] = context->client_metadata().equal_range(kPeerRoleKey);
    for (auto it = begin; it != end; ++it)
      roles += absl::StrCat(" ", std::string(it->second.data(), it->second.size()));
    return Unary(
        workers_, context, response, [roles](const Call& call) -> absl::StatusOr<v1::GetKernelResponse> {
          v1::GetKernelResponse who;
          who.mutable_kernel()->set_name(absl::StrCat("uid ", call.peer_uid, " ", call.method, roles));
          return who;
        });
  }

  // Refuses after the third message.
  grpc::ServerBidiReactor<v1::ImportKernelRequest, v1::ImportKernelResponse>* ImportKernel(
      grpc::CallbackServerContext* context) override {
    return BidiStream<v1::ImportKernelRequest, v1::ImportKernelResponse>(
        workers_, context,
        [](const Call&, Stream<v1::ImportKernelRequest, v1::ImportKernelResponse>& stream) {
          for (int i = 0; i < 3; ++i) stream.Read();
          return ApiError(absl::StatusCode::kDataLoss, "KERNEL_CORRUPT", "enough");
        });
  }

 private:
  WorkerPool workers_{4, 4};
};

int OpenDescriptors() {
  int count = 0;
  DIR* dir = ::opendir("/proc/self/fd");
  while (::readdir(dir) != nullptr) ++count;
  ::closedir(dir);
  return count;
}

class ServerTest : public ::testing::Test {
 protected:
  void SetUp() override { ASSERT_OK_AND_ASSIGN(dir_, TempDir::Create()); }

  absl::StatusOr<std::unique_ptr<Server>> Start(std::function<bool(const PeerCredentials&)> authorize = {}) {
    return Server::Start(
        {.socket = dir_.path() / "s",
         .configure = [this](grpc::ServerBuilder& builder) { builder.RegisterService(&service_); },
         .authorize = std::move(authorize)});
  }

  absl::StatusOr<std::string> Who(const std::shared_ptr<grpc::Channel>& channel) {
    ClientCall call("r1", 5s);
    call.context()->AddMetadata(kPeerUidKey, "4711");
    call.context()->AddMetadata("banger-peer-role", "admin");
    v1::GetKernelResponse response;
    const absl::Status status =
        FromGrpc(v1::KernelService::NewStub(channel)->GetKernel(call.context(), {}, &response));
    if (!status.ok()) return status;
    return response.kernel().name();
  }

  TempDir dir_;
  WhoService service_;
};

TEST_F(ServerTest, TheCallerIsWhomTheKernelSaysNotWhomItClaims) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start());
  EXPECT_THAT(Who(ConnectDaemon(dir_.path() / "s")),
              IsOkAndHolds(absl::StrCat("uid ", ::geteuid(), " /banger.kernel.v1.KernelService/GetKernel")));
}

TEST_F(ServerTest, ARoleIsWhatTheServerSaysOfUserAndGroups) {
  std::vector<gid_t> own(static_cast<std::size_t>(::getgroups(0, nullptr)));
  ASSERT_GE(::getgroups(static_cast<int>(own.size()), own.data()), 0);
  ASSERT_OK_AND_ASSIGN(
      const auto server,
      Server::Start(
          {.socket = dir_.path() / "s",
           .configure = [this](grpc::ServerBuilder& builder) { builder.RegisterService(&service_); },
           .role_of =
               [&own](const PeerCredentials& peer, const std::vector<gid_t>& groups) {
                 EXPECT_EQ(peer.gid, ::getegid());
                 EXPECT_THAT(groups, ::testing::UnorderedElementsAreArray(own));
                 return "viewer";
               }}));
  EXPECT_THAT(Who(ConnectDaemon(dir_.path() / "s")),
              IsOkAndHolds(::testing::EndsWith("KernelService/GetKernel viewer")));
}

TEST_F(ServerTest, WhoIsNotAuthorizedIsNotServed) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start([](const PeerCredentials&) { return false; }));
  EXPECT_THAT(Who(ConnectDaemon(dir_.path() / "s")), ::testing::Not(IsOk()));
}

TEST_F(ServerTest, AClientSurvivesARestart) {
  const auto channel = ConnectDaemon(dir_.path() / "s");
  for (int i = 0; i < 3; ++i) {
    ASSERT_OK_AND_ASSIGN(const auto server, Start());
    EXPECT_OK(WaitForDaemon(*channel, "kerneld", 5s));
    EXPECT_OK(RetryUnavailable({}, [&] { return Who(channel).status(); }));
    server->Shutdown(100ms);
    EXPECT_FALSE(std::filesystem::exists(dir_.path() / "s"));
  }
}

TEST_F(ServerTest, ConnectionsLeaveNoDescriptorsBehind) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start());
  EXPECT_OK(Who(ConnectDaemon(dir_.path() / "s")));
  const int before = OpenDescriptors();
  for (int i = 0; i < 100; ++i) EXPECT_OK(Who(ConnectDaemon(dir_.path() / "s")));
  const auto deadline = std::chrono::steady_clock::now() + 10s;
  while (OpenDescriptors() > before + 4 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::yield();
  EXPECT_LE(OpenDescriptors(), before + 4);
}

TEST_F(ServerTest, AnEarlyAnswerReachesAClientThatStillSends) {
  ASSERT_OK_AND_ASSIGN(const auto server, Start());
  const auto stub = v1::KernelService::NewStub(ConnectDaemon(dir_.path() / "s"));
  for (int i = 0; i < 200; ++i) {
    ClientCall call("r1", 10s);
    const auto stream = stub->ImportKernel(call.context());
    v1::ImportKernelRequest chunk;
    chunk.set_chunk(std::string(256 << 10, 'x'));
    while (stream->Write(chunk)) {
    }
    ASSERT_THAT(FromGrpc(stream->Finish()), StatusIs(absl::StatusCode::kDataLoss, "enough")) << i;
  }
}

TEST_F(ServerTest, ALateDaemonIsNamed) {
  EXPECT_THAT(WaitForDaemon(*ConnectDaemon(dir_.path() / "none"), "vmd", 60ms),
              StatusIs(absl::StatusCode::kUnavailable, "vmd does not answer"));
}

}  // namespace
}  // namespace banger::rpc
