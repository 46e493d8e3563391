// What netd does where others have its network, or its interfaces' names.
#include "absl/strings/str_cat.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/daemon_fixture.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;

class NetdSubnetTest : public DaemonFixture {
 protected:
  // Nothing comes and goes by itself while the host is looked at.
  std::string Config() override { return "[network]\ntap_pool_size = 0\n"; }
};

// The host reaches the default network elsewhere.
class CollidingSubnetTest : public NetdSubnetTest {
 protected:
  void PrepareHost() override {
    DisableIpv6();
    Ip("link add docker0 type bridge");
    Ip("link set docker0 up");
    Ip("addr add 172.30.0.1/16 dev docker0");
  }
};

TEST_F(CollidingSubnetTest, AnotherIsTakenAndKeptAsLongAsATapIsThere) {
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint endpoint, Client().Create("vm-1"));
  EXPECT_EQ(endpoint.address(), "172.31.0.2");
  ASSERT_OK(Client().Attach("vm-1"));
  EXPECT_EQ(Client().GetNetwork()->gateway(), "172.31.0.1");
  EXPECT_EQ(Client().GetNetwork()->dns().guest_server(), "172.31.0.1");
  Ip("link del docker0");
  EXPECT_EQ(End(SIGTERM).code, 0);
  Start();
  EXPECT_EQ(Client().Create("vm-1")->address(), "172.31.0.2");
  ASSERT_OK(Client().Detach("vm-1"));
  EXPECT_EQ(End(SIGTERM).code, 0);
  Start();
  EXPECT_EQ(Client().Create("vm-1")->address(), "172.30.0.2");
}

class ConfiguredSubnetTest : public CollidingSubnetTest {
 protected:
  std::string Config() override { return "[network]\naddress = \"172.30.0.1\"\n"; }
};

TEST_F(ConfiguredSubnetTest, IsNotGivenUpForAnother) {
  ASSERT_OK(Client().Create("vm-1"));
  const absl::Status refused = Client().Attach("vm-1").status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition,
                                HasSubstr("collides with the host's route 172.30.0.0/16 dev docker0")));
  EXPECT_EQ(ErrorReason(refused), "SUBNET_IN_USE");
  EXPECT_EQ(HostNetwork(), before_);
}

TEST_F(NetdSubnetTest, AnInterfaceOfATapsNameIsFoundBeforeAnythingIsMade) {
  Ip("link add bgr-ac1e0002 type bridge");
  const std::string before = HostNetwork();
  ASSERT_OK(Client().Create("vm-1"));
  EXPECT_EQ(ErrorReason(Client().Attach("vm-1").status()), "INTERFACE_NOT_OURS");
  EXPECT_EQ(HostNetwork(), before);
}

TEST_F(NetdSubnetTest, ASubnetInUseIsRefusedByNameAndServiceGoesOnWhenItIsFree) {
  Ip("link add vpn0 type bridge");
  Ip("link set vpn0 up");
  Ip("route add 172.16.0.0/12 dev vpn0");
  const std::string before = HostNetwork();
  ASSERT_OK(Client().Create("vm-1"));
  const absl::Status refused = Client().Attach("vm-1").status();
  EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("172.16.0.0/12 dev vpn0")));
  EXPECT_EQ(ErrorReason(refused), "SUBNET_IN_USE");
  EXPECT_EQ(HostNetwork(), before);
  Ip("route del 172.16.0.0/12 dev vpn0");
  EXPECT_OK(Client().Attach("vm-1"));
}

}  // namespace
}  // namespace banger::netd
