#include "services/imaged/adapters/kernel_client.h"

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>

#include "common/os/temp_dir.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::imaged {
namespace {

namespace v1 = ::banger::kernel::v1;

// Knows one kernel, which is the default when `has_default`.
class FakeKerneld final : public v1::KernelService::Service {
 public:
  grpc::Status GetKernelFiles(grpc::ServerContext*, const v1::GetKernelFilesRequest* request,
                              v1::GetKernelFilesResponse* response) override {
    if (request->name().empty() && !has_default)
      return rpc::ToGrpc(ApiError(absl::StatusCode::kNotFound, "NO_KERNEL", "there is no kernel yet"), "r1");
    if (!request->name().empty() && request->name() != "kernels/k")
      return rpc::ToGrpc(ApiError(absl::StatusCode::kNotFound, "KERNEL_NOT_FOUND", request->name()), "r1");
    response->mutable_kernel()->set_name("kernels/k");
    response->set_vmlinux_path("/kernels/k/vmlinux");
    response->set_initrd_path("/kernels/k/initrd.img");
    return grpc::Status::OK;
  }

  bool has_default = true;
};

class KernelClientTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create());
    const std::filesystem::path socket = directory_.path() / "kerneld.sock";
    grpc::ServerBuilder builder;
    builder.AddListeningPort("unix:" + socket.string(), grpc::InsecureServerCredentials());
    builder.RegisterService(&kerneld_);
    server_ = builder.BuildAndStart();
    ASSERT_NE(server_, nullptr);
    client_.emplace(rpc::ConnectDaemon(socket));
  }

  TempDir directory_;
  FakeKerneld kerneld_;
  std::unique_ptr<grpc::Server> server_;
  std::optional<KernelClient> client_;
};

TEST_F(KernelClientTest, FindsAKernelByItsNameAndTheDefaultWithoutOne) {
  for (const char* const id : {"k", ""}) {
    ASSERT_OK_AND_ASSIGN(const KernelFiles files, client_->Find(id, {}));
    EXPECT_EQ(files.id, "k");
    EXPECT_EQ(files.vmlinux, "/kernels/k/vmlinux");
    EXPECT_EQ(files.initrd, "/kernels/k/initrd.img");
  }
}

TEST_F(KernelClientTest, PassesOnKerneldsReasons) {
  EXPECT_EQ(ErrorReason(client_->Find("other", {}).status()), "KERNEL_NOT_FOUND");
  kerneld_.has_default = false;
  EXPECT_EQ(ErrorReason(client_->Find("", {}).status()), "NO_KERNEL");
}

TEST_F(KernelClientTest, StopsWaitingForAKerneldThatIsNotThere) {
  KernelClient alone(rpc::ConnectDaemon(directory_.path() / "nobody.sock"));
  std::stop_source stop;
  stop.request_stop();
  EXPECT_THAT(alone.Find("k", stop.get_token()), StatusIs(absl::StatusCode::kCancelled));
}

}  // namespace
}  // namespace banger::imaged
