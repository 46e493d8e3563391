// The network as users may look at it.
#include "banger/network/v1/network_service.grpc.pb.h"
#include "banger/system/v1/system_service.grpc.pb.h"
#include "common/status/error.h"
#include "services/gateway/testing/fake_netd.h"
#include "services/gateway/testing/gateway_fixture.h"

namespace banger::gateway {
namespace {

using ::testing::HasSubstr;

class NetworkViewTest : public GatewayTest {
 protected:
  void TearDown() override {
    netd_server_.reset();
    GatewayTest::TearDown();
  }

  void StartNetd() {
    netd_.network.mutable_network()->set_bridge("br-banger");
    netd_.network.mutable_health()->set_repair_count(3);
    for (const char* name : {"endpoints/aa", "endpoints/bb"}) netd_.endpoints.add_endpoints()->set_name(name);
    ASSERT_OK_AND_ASSIGN(netd_server_, rpc::Server::Start({.socket = paths_.Socket("netd"),
                                                           .configure = [this](grpc::ServerBuilder& builder) {
                                                             builder.RegisterService(&netd_);
                                                           }}));
  }

  absl::StatusOr<system::v1::GetNetworkResponse> GetNetwork() {
    rpc::ClientCall call("", kSoon);
    system::v1::GetNetworkResponse response;
    const absl::Status status = rpc::FromGrpc(
        system::v1::SystemService::NewStub(channel_)->GetNetwork(call.context(), {}, &response));
    if (!status.ok()) return status;
    return response;
  }

  FakeNetd netd_;
  std::unique_ptr<rpc::Server> netd_server_;
};

TEST_F(NetworkViewTest, ShowsWhatNetdTellsWithTheVmsOfItsEndpoints) {
  StartNetd();
  for (const auto& [uid, name] : {std::pair("aa", "vms/web"), std::pair("cc", "vms/elsewhere")}) {
    vm::v1::Vm& vm = *fake_.vms.add_vms();
    vm.set_uid(uid);
    vm.set_name(name);
    vm.add_published_ports()->set_host_port(8080);
  }
  StartVmd();
  ASSERT_OK_AND_ASSIGN(const auto view, GetNetwork());
  EXPECT_EQ(view.network().bridge(), "br-banger");
  EXPECT_EQ(view.health().repair_count(), 3);
  ASSERT_EQ(view.endpoints_size(), 2);
  EXPECT_EQ(view.endpoints(0).vm(), "vms/web");
  EXPECT_EQ(view.endpoints(0).published_ports(0).host_port(), 8080);
  EXPECT_EQ(view.endpoints(1).endpoint().name(), "endpoints/bb");
  EXPECT_EQ(view.endpoints(1).vm(), "");
  EXPECT_EQ(view.warnings_size(), 0);
}

TEST_F(NetworkViewTest, WithoutVmdTheNamesAreMissingAndThatIsSaid) {
  StartNetd();
  ASSERT_OK_AND_ASSIGN(const auto view, GetNetwork());
  EXPECT_EQ(view.endpoints_size(), 2);
  ASSERT_EQ(view.warnings_size(), 1);
  EXPECT_THAT(view.warnings(0), HasSubstr("vmd is not running"));
}

TEST_F(NetworkViewTest, WithoutNetdThatIsTheError) {
  StartVmd();
  const absl::Status status = GetNetwork().status();
  EXPECT_EQ(ErrorReason(status), "DAEMON_UNAVAILABLE");
  EXPECT_THAT(status, StatusIs(absl::StatusCode::kUnavailable, HasSubstr("netd is not running")));
}

// Whoever may look may not touch: netd's own methods are not to be had here.
TEST_F(NetworkViewTest, NothingOfNetdIsReachedDirectly) {
  StartNetd();
  rpc::ClientCall call("", kSoon);
  network::v1::ListEndpointsResponse response;
  const absl::Status status = rpc::FromGrpc(
      network::v1::NetworkService::NewStub(channel_)->ListEndpoints(call.context(), {}, &response));
  EXPECT_THAT(status,
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("banger.network.v1.NetworkService")));
}

}  // namespace
}  // namespace banger::gateway
