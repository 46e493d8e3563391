// Every method in every role.
#include <grpcpp/generic/generic_stub.h>

#include <atomic>
#include <future>
#include <memory>

#include "common/rpc/peer_servers.h"
#include "common/status/error.h"
#include "services/gateway/core/policy.h"
#include "services/gateway/testing/gateway_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;
using namespace std::chrono_literals;

class RolesTest : public GatewayTest {
 protected:
  std::string RoleOf(const PeerCredentials&, const std::vector<gid_t>&) override { return role_; }

  void Become(const std::string& role) {
    role_ = role;
    channel_ = rpc::ConnectDaemon(socket());
    vms_ = vm::v1::VmService::NewStub(channel_);
  }

  // An empty request. No daemon is there: what the gateway lets pass fails for that.
  absl::Status Call(const std::string& path) {
    grpc::ClientContext context;
    // This one would go on for ever.
    const bool endless = path == "/grpc.health.v1.Health/Watch";
    context.set_deadline(std::chrono::system_clock::now() + (endless ? std::chrono::seconds(1) : kSoon));
    context.AddMetadata(rpc::kPeerRoleKey, "admin");
    grpc::Slice nothing;
    const grpc::ByteBuffer request(&nothing, 1);
    grpc::ByteBuffer response;
    std::promise<grpc::Status> done;
    grpc::GenericStub(channel_).UnaryCall(&context, path, {}, &request, &response,
                                          [&done](const grpc::Status& status) { done.set_value(status); });
    return rpc::FromGrpc(done.get_future().get());
  }

  std::string role_ = "admin";
};

TEST_F(RolesTest, EachMethodIsForThoseWhomThePolicyNames) {
  for (const std::string role : {"none", "viewer", "operator", "admin"}) {
    Become(role);
    for (const MethodPolicy& method : Policy()) {
      const std::string reason = ErrorReason(Call(method.path));
      if (method.role == Role::kNobody) {
        EXPECT_EQ(reason, "SERVICE_UNKNOWN") << role << " " << method.path;
      } else if (RoleNamed(role) < method.role) {
        EXPECT_EQ(reason, "ROLE_TOO_LOW") << role << " " << method.path;
      } else {
        EXPECT_NE(reason, "ROLE_TOO_LOW") << role << " " << method.path;
        EXPECT_NE(reason, "SERVICE_UNKNOWN") << role << " " << method.path;
      }
    }
  }
}

TEST_F(RolesTest, NoRoleReachesNetd) {
  for (const std::string role : {"none", "viewer", "operator", "admin"}) {
    Become(role);
    for (const char* method : {"GetNetwork", "CreateEndpoint", "ListEndpoints", "AttachTap",
                               "SetEndpointPolicy", "DetachTap", "DeleteEndpoint"})
      EXPECT_EQ(ErrorReason(Call(absl::StrCat("/banger.network.v1.NetworkService/", method))),
                "SERVICE_UNKNOWN")
          << role << " " << method;
  }
}

TEST_F(RolesTest, ARefusalSaysWhatItTakesAndReachesNoDaemon) {
  StartVmd();
  Become("viewer");
  ASSERT_TRUE(Eventually([this] { return VmdIsSeen(); }));
  rpc::ClientCall call("", kSoon);
  vm::v1::StopVmRequest request;
  request.set_name("vms/web");
  vm::v1::StopVmResponse response;
  EXPECT_THAT(
      rpc::FromGrpc(vms_->StopVm(call.context(), request, &response)),
      StatusIs(absl::StatusCode::kPermissionDenied,
               absl::StrCat("StopVm needs the role operator; 'uid:", ::geteuid(), "' has only viewer")));
  EXPECT_EQ(fake_.hung, 0);
  EXPECT_THAT(GetVm("vms/web"), IsOk());
}

// Who may not ask takes nobody's place, and is not told that there is none.
TEST_F(RolesTest, TheRoleIsLookedAtBeforeAWorkerIsNeeded) {
  std::promise<void> go_on;
  const std::shared_future<void> busy = go_on.get_future().share();
  const auto waiting = std::make_shared<std::atomic<int>>(0);
  ASSERT_TRUE(Eventually([&] {
    while (workers_->Submit([waiting, busy] {
      ++*waiting;
      busy.wait();
    })) {
    }
    return *waiting == kWorkers;
  }));
  while (workers_->Submit([busy] { busy.wait(); })) {
  }
  Become("none");
  EXPECT_EQ(ErrorReason(Call("/banger.system.v1.SystemService/ListDaemons")), "ROLE_TOO_LOW");
  Become("viewer");
  EXPECT_EQ(Call("/banger.system.v1.SystemService/ListDaemons").code(), absl::StatusCode::kResourceExhausted);
  go_on.set_value();
}

}  // namespace
}  // namespace banger::gateway
