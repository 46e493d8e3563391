#include "services/netd/adapters/linux_link_host.h"

#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class LinuxLinkHostTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    host_ = MakeHost("br-one", "10.77.0.1");
  }

  static std::unique_ptr<LinuxLinkHost> MakeHost(const std::string& bridge, const std::string& address,
                                                 const std::string& directory = "/run/one") {
    auto host = LinuxLinkHost::Create(
        {.bridge = bridge, .subnet = *Subnet::Create(*Ipv4::Parse(address), 24), .directory = directory});
    EXPECT_THAT(host, IsOk());
    return *std::move(host);
  }

  // An error that names what is in the way, and leaves all as it was.
  static void ExpectRefused(LinuxLinkHost& host, const std::string& reason, const std::string& named) {
    const std::string before = HostNetwork();
    const absl::Status refused = host.EnsureBridge();
    EXPECT_THAT(refused, StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr(named)));
    EXPECT_EQ(ErrorReason(refused), reason);
    EXPECT_OK(host.RemoveBridge());
    EXPECT_EQ(HostNetwork(), before);
  }

  const Tap tap_{.name = "bgr-0a4d0002", .endpoint_id = "vm-1", .owner = 1234};
  std::unique_ptr<LinuxLinkHost> host_;
};

TEST_F(LinuxLinkHostTest, TheBridgeIsUpWithItsAddressFixedMacAndNoIpv6) {
  ASSERT_OK(host_->EnsureBridge());
  EXPECT_THAT(Ip("-d addr show br-one"),
              AllOf(HasSubstr("inet 10.77.0.1/24 brd 10.77.0.255"), HasSubstr("52:b4:0a:4d:00:01"),
                    HasSubstr("UP"), HasSubstr("alias banger:br-one:/run/one"), Not(HasSubstr("inet6"))));
}

TEST_F(LinuxLinkHostTest, TheTapIsPersistentOwnedUpAndInTheBridge) {
  ASSERT_OK(host_->EnsureBridge());
  ASSERT_OK(host_->EnsureTap(tap_));
  EXPECT_THAT(
      Ip("-d link show bgr-0a4d0002"),
      AllOf(HasSubstr("master br-one"), HasSubstr("persist on"), HasSubstr("user 1234"), HasSubstr("UP"),
            HasSubstr("vnet_hdr on"), HasSubstr("alias banger:br-one:/run/one:1234:vm-1")));
  EXPECT_THAT(Ip("addr show bgr-0a4d0002"), Not(HasSubstr("inet6")));
  // A port's own address must not become the bridge's.
  EXPECT_THAT(Ip("link show br-one"), HasSubstr("52:b4:0a:4d:00:01"));
}

TEST_F(LinuxLinkHostTest, ATapTakenOutOfTheBridgeComesBack) {
  ASSERT_OK(host_->EnsureBridge());
  ASSERT_OK(host_->EnsureTap(tap_));
  Ip("link set bgr-0a4d0002 nomaster");
  Ip("link set bgr-0a4d0002 down");
  ASSERT_OK(host_->EnsureTap(tap_));
  EXPECT_THAT(Ip("link show bgr-0a4d0002"), AllOf(HasSubstr("master br-one"), HasSubstr("UP")));
}

TEST_F(LinuxLinkHostTest, TakesTheMtuOfTheWayOut) {
  EXPECT_THAT(host_->BridgeMtu(), IsOkAndHolds(1500));
  Ip("link add uplink type bridge");
  Ip("link set uplink mtu 1400 up");
  Ip("addr add 192.0.2.2/24 dev uplink");
  Ip("route add default via 192.0.2.1");
  EXPECT_THAT(host_->BridgeMtu(), IsOkAndHolds(1400));
  ASSERT_OK(host_->EnsureBridge());
  ASSERT_OK(host_->EnsureTap(tap_));
  EXPECT_THAT(Ip("link show br-one"), HasSubstr("mtu 1400"));
  EXPECT_THAT(Ip("link show bgr-0a4d0002"), HasSubstr("mtu 1400"));
}

TEST_F(LinuxLinkHostTest, RefusesToTakeAnInterfaceThatIsNotItsOwn) {
  Ip("tuntap add br-one mode tap");
  ExpectRefused(*host_, "INTERFACE_NOT_OURS", "'br-one' is not of this netd: it is a tun without our mark");
  Ip("link del br-one");
  Ip("link add br-one type bridge");
  ExpectRefused(*host_, "INTERFACE_NOT_OURS", "it is a bridge without our mark");
  EXPECT_THAT(host_->BridgeMtu(), IsOkAndHolds(1500));
}

TEST_F(LinuxLinkHostTest, FinishesABridgeThatACrashLeftHalfMade) {
  Ip("link add br-one address 52:b4:0a:4d:00:01 type bridge");
  ASSERT_OK(host_->EnsureBridge());
  EXPECT_THAT(Ip("-d addr show br-one"), AllOf(HasSubstr("10.77.0.1/24"), HasSubstr("alias banger:br-one")));
  ASSERT_OK(host_->RemoveBridge());
  EXPECT_THAT(Ip("link show type bridge"), IsEmpty());
}

TEST_F(LinuxLinkHostTest, RefusesASubnetThatTheHostReachesElsewhere) {
  Ip("link add vpn0 type bridge");
  Ip("link set vpn0 up");
  for (const char* route : {"10.77.0.0/24", "10.77.0.64/26", "10.64.0.0/10", "10.77.0.9/32"}) {
    Ip(std::string("route add ") + route + " dev vpn0");
    ExpectRefused(*host_, "SUBNET_IN_USE", std::string(route) + " dev vpn0");
    Ip(std::string("route del ") + route + " dev vpn0");
  }
  Ip("route add 10.77.0.0/16 dev vpn0 table 51820");
  ExpectRefused(*host_, "SUBNET_IN_USE", "10.77.0.0/16 dev vpn0");
}

TEST_F(LinuxLinkHostTest, RefusesASubnetWithAnAddressOfAnotherInterface) {
  Ip("link add wg0 type bridge");
  Ip("addr add 10.77.0.9/32 dev wg0");
  ExpectRefused(*host_, "SUBNET_IN_USE", "10.77.0.9/32 dev wg0");
}

TEST_F(LinuxLinkHostTest, ASpareTapIsItsOwnersAndKeepsItsIndexWhenItIsTaken) {
  ASSERT_OK(host_->EnsureBridge());
  ASSERT_OK(host_->EnsureTap({.name = tap_.name, .owner = tap_.owner}));
  const auto index = [&] { return Ip("-o link show " + tap_.name).substr(0, 3); };
  const std::string before = index();
  EXPECT_THAT(Ip("-d link show bgr-0a4d0002"),
              AllOf(HasSubstr("user 1234"), HasSubstr("alias banger:br-one:/run/one:1234:")));
  ASSERT_OK(host_->EnsureTap(tap_));
  EXPECT_EQ(index(), before);
  EXPECT_THAT(Ip("-d link show bgr-0a4d0002"),
              AllOf(HasSubstr("user 1234"), HasSubstr("alias banger:br-one:/run/one:1234:vm-1")));
}

TEST_F(LinuxLinkHostTest, DefaultRoutesDoNotCollideAlsoInHalves) {
  Ip("link add vpn0 type bridge");
  Ip("link set vpn0 up");
  Ip("route add default dev vpn0");
  Ip("route add 0.0.0.0/1 dev vpn0");
  EXPECT_OK(host_->EnsureBridge());
}

TEST_F(LinuxLinkHostTest, AnIdleBridgeTakesANewAddressABusyOneDoesNot) {
  ASSERT_OK(host_->EnsureBridge());
  const auto moved = MakeHost("br-one", "10.78.0.1");
  ASSERT_OK(moved->EnsureBridge());
  EXPECT_THAT(Ip("addr show br-one"), AllOf(HasSubstr("10.78.0.1/24"), Not(HasSubstr("10.77.0.1"))));
  ASSERT_OK(moved->EnsureTap(tap_));
  const absl::Status back = host_->EnsureBridge();
  EXPECT_EQ(ErrorReason(back), "BRIDGE_ADDRESS_DIFFERS");
  EXPECT_THAT(std::string(back.message()), HasSubstr("10.78.0.1/24"));
}

TEST_F(LinuxLinkHostTest, TwoNetdsLeaveEachOtherAlone) {
  const auto other = MakeHost("br-two", "10.88.0.1", "/run/two");
  const auto same_bridge = MakeHost("br-one", "10.99.0.1", "/run/three");
  const Tap others{.name = "bgr-0a580002", .endpoint_id = "vm-1", .owner = 1234};
  ASSERT_OK(host_->EnsureBridge());
  ASSERT_OK(host_->EnsureTap(tap_));
  ASSERT_OK(other->EnsureBridge());
  ASSERT_OK(other->EnsureTap(others));

  EXPECT_THAT(host_->ListTaps(), IsOkAndHolds(ElementsAre(tap_)));
  EXPECT_THAT(other->ListTaps(), IsOkAndHolds(ElementsAre(others)));
  EXPECT_THAT(same_bridge->ListTaps(), IsOkAndHolds(IsEmpty()));
  ExpectRefused(*same_bridge, "INTERFACE_NOT_OURS", "another netd (banger:br-one:/run/one)");
  const std::string before = HostNetwork();
  EXPECT_OK(other->RemoveTap(tap_.name));
  EXPECT_EQ(ErrorReason(other->EnsureTap(tap_)), "INTERFACE_NOT_OURS");
  EXPECT_EQ(ErrorReason(other->OpenTap(tap_.name).status()), "INTERFACE_NOT_OURS");
  EXPECT_EQ(HostNetwork(), before);
}

TEST_F(LinuxLinkHostTest, OpensOneQueueAtATimeAndOnlyOfATapThatIsThere) {
  EXPECT_THAT(host_->OpenTap(tap_.name), StatusIs(absl::StatusCode::kNotFound));
  ASSERT_OK(host_->EnsureBridge());
  ASSERT_OK(host_->EnsureTap(tap_));
  {
    ASSERT_OK_AND_ASSIGN(const UniqueFd queue, host_->OpenTap(tap_.name));
    EXPECT_THAT(host_->OpenTap(tap_.name),
                StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("in use")));
  }
  EXPECT_OK(host_->OpenTap(tap_.name));
}

TEST_F(LinuxLinkHostTest, LeavesTheHostAsItWas) {
  const std::string before = HostNetwork();
  ASSERT_OK(host_->EnsureBridge());
  ASSERT_OK(host_->EnsureTap(tap_));
  ASSERT_OK(host_->RemoveTap(tap_.name));
  ASSERT_OK(host_->RemoveBridge());
  EXPECT_EQ(HostNetwork(), before);
}

TEST(BridgeNameTest, MustBeAnInterfaceNameOfItsOwn) {
  for (const char* good : {"b", "br-banger", "br_1.2", "abcdefghijklmno"}) EXPECT_OK(CheckBridgeName(good));
  for (const char* bad :
       {"", "abcdefghijklmnop", "br/x", "br:x", "br x", ".", "..", "-br", "br%d", "bgr-0a4d0002"})
    EXPECT_THAT(CheckBridgeName(bad), StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(bad)));
}

}  // namespace
}  // namespace banger::netd
