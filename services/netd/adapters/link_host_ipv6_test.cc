#include "common/os/file.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"
#include "services/netd/adapters/ipv6_options.h"
#include "services/netd/adapters/linux_link_host.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kGateway[] = "fd00:1:2::a4d:1/64";

class LinkHostIpv6Test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    const Subnet ipv4 = *Subnet::Create(*Ipv4::Parse("10.77.0.1"), 24);
    off_ = MakeHost(ipv4);
    on_ = MakeHost(*ipv4.WithIpv6(*Prefix::Parse("fd00:1:2::/64")));
    elsewhere_ = MakeHost(*ipv4.WithIpv6(*Prefix::Parse("fd00:1:3::/64")));
  }

  static std::unique_ptr<LinuxLinkHost> MakeHost(const Subnet& subnet) {
    auto host = LinuxLinkHost::Create({.bridge = "br-one", .subnet = subnet, .directory = "/run/one"});
    EXPECT_OK(host);
    return *std::move(host);
  }
  static std::string Option(const std::string& interface, const char* option) {
    return ReadFile(Ipv6Option(interface, option)).value_or("none\n");
  }

  const Tap tap_{.name = "bgr-0a4d0002", .endpoint_id = "vm-1", .owner = 1234};
  std::unique_ptr<LinuxLinkHost> off_, on_, elsewhere_;
};

TEST_F(LinkHostIpv6Test, TheBridgeHasItsAddressesAtOnceAndListensToNoRouter) {
  const std::string before = HostNetwork();
  ASSERT_OK(on_->EnsureBridge());
  ASSERT_OK(on_->EnsureTap(tap_));
  EXPECT_THAT(Ip("addr show br-one"),
              AllOf(HasSubstr("inet 10.77.0.1/24"), HasSubstr(kGateway), HasSubstr("inet6 fe80::1/64"),
                    Not(HasSubstr("tentative")), Not(HasSubstr("fe80::50b4"))));
  for (const char* option : {"accept_ra", "autoconf", "accept_redirects", "disable_ipv6"})
    EXPECT_EQ(Option("br-one", option), "0\n") << option;
  EXPECT_EQ(Option(tap_.name, "disable_ipv6"), "1\n");
  EXPECT_THAT(on_->BridgeIsUp(), IsOkAndHolds(true));
  ASSERT_OK(on_->RemoveTap(tap_.name));
  ASSERT_OK(on_->RemoveBridge());
  EXPECT_EQ(HostNetwork(), before);
}

TEST_F(LinkHostIpv6Test, ComesAndGoesWithTheConfigurationWhileTheBridgeIsInUse) {
  ASSERT_OK(off_->EnsureBridge());
  ASSERT_OK(off_->EnsureTap(tap_));
  EXPECT_THAT(Ip("addr show br-one"), Not(HasSubstr("inet6")));
  EXPECT_THAT(on_->BridgeIsUp(), IsOkAndHolds(false));
  ASSERT_OK(on_->EnsureBridge());
  EXPECT_THAT(Ip("addr show br-one"), AllOf(HasSubstr(kGateway), HasSubstr("fe80::1/64")));
  ASSERT_OK(off_->EnsureBridge());
  EXPECT_THAT(Ip("addr show br-one"), AllOf(HasSubstr("inet 10.77.0.1/24"), Not(HasSubstr("inet6"))));
}

TEST_F(LinkHostIpv6Test, WhatSomebodyTookAwayIsPutBack) {
  ASSERT_OK(on_->EnsureBridge());
  for (const char* damage : {"addr del fd00:1:2::a4d:1/64 dev br-one", "addr del fe80::1/64 dev br-one",
                             "-6 addr flush dev br-one"}) {
    Ip(damage);
    EXPECT_THAT(on_->BridgeIsUp(), IsOkAndHolds(false)) << damage;
    ASSERT_OK(on_->EnsureBridge());
    EXPECT_THAT(Ip("addr show br-one"), AllOf(HasSubstr(kGateway), HasSubstr("fe80::1/64"))) << damage;
  }
}

TEST_F(LinkHostIpv6Test, WhatSomebodySwitchedIsSwitchedBack) {
  ASSERT_OK(on_->EnsureBridge());
  for (const char* option : {"accept_ra", "autoconf", "accept_redirects", "accept_dad"}) {
    ASSERT_OK(SetSysctl(Ipv6Option("br-one", option), '1'));
    EXPECT_THAT(on_->BridgeIsUp(), IsOkAndHolds(false)) << option;
    ASSERT_OK(on_->EnsureBridge());
    EXPECT_EQ(Option("br-one", option), "0\n") << option;
    EXPECT_THAT(on_->BridgeIsUp(), IsOkAndHolds(true)) << option;
  }
  // Also where it has no IPv6, and gets some.
  ASSERT_OK(off_->EnsureBridge());
  EXPECT_THAT(off_->BridgeIsUp(), IsOkAndHolds(true));
  ASSERT_OK(SetSysctl(Ipv6Option("br-one", kIpv6Disable), '0'));
  Ip("addr add fd00::1/64 dev br-one");
  EXPECT_THAT(off_->BridgeIsUp(), IsOkAndHolds(false));
  ASSERT_OK(off_->EnsureBridge());
  EXPECT_THAT(Ip("addr show br-one"), Not(HasSubstr("inet6")));
}

TEST_F(LinkHostIpv6Test, RefusesANetworkThatTheHostReachesElsewhere) {
  Ip("link add vpn0 type bridge");
  Ip("link set vpn0 up");
  for (const char* route : {"fd00::/8", "fd00:1:2::/64", "fd00:1:2::77"}) {
    Ip(absl::StrCat("-6 route add ", route, " dev vpn0"));
    const absl::Status refused = on_->EnsureBridge();
    EXPECT_EQ(ErrorReason(refused), "SUBNET_IN_USE");
    EXPECT_THAT(std::string(refused.message()),
                AllOf(HasSubstr("subnet fd00:1:2::/64 collides"), HasSubstr(route),
                      HasSubstr("dev vpn0: set another [network] ipv6_prefix")));
    EXPECT_THAT(Ip("link show type bridge"), Not(HasSubstr("br-one")));
    EXPECT_OK(off_->EnsureBridge());
    ASSERT_OK(off_->RemoveBridge());
    Ip(absl::StrCat("-6 route del ", route, " dev vpn0"));
  }
  // Not what is a way out to everywhere.
  for (const char* route : {"default", "::/1", "8000::/1", "2000::/3"})
    Ip(absl::StrCat("-6 route add ", route, " dev vpn0"));
  EXPECT_OK(on_->EnsureBridge());
}

TEST_F(LinkHostIpv6Test, NamesAWayOutThatIsTooNarrow) {
  Ip("link add vpn0 type bridge");
  Ip("link set vpn0 mtu 1200 up");
  Ip("addr add 192.0.2.2/24 dev vpn0");
  Ip("route add default via 192.0.2.1");
  const absl::Status refused = on_->EnsureBridge();
  EXPECT_EQ(ErrorReason(refused), "MTU_TOO_SMALL");
  EXPECT_THAT(std::string(refused.message()),
              HasSubstr("[network] ipv6 is on and needs an MTU of 1280, but that of 'vpn0' is 1200"));
  EXPECT_THAT(Ip("link show type bridge"), Not(HasSubstr("br-one")));
  // Nor where the bridge is there already.
  ASSERT_OK(off_->EnsureBridge());
  EXPECT_THAT(off_->BridgeIsUp(), IsOkAndHolds(true));
  EXPECT_THAT(std::string(on_->EnsureBridge().message()), HasSubstr("that of 'br-one' is 1200"));
  ASSERT_OK(off_->RemoveBridge());
  Ip("link set vpn0 mtu 1280");
  EXPECT_OK(on_->EnsureBridge());
}

TEST_F(LinkHostIpv6Test, AnIdleBridgeTakesANewNetworkABusyOneDoesNot) {
  ASSERT_OK(on_->EnsureBridge());
  ASSERT_OK(elsewhere_->EnsureBridge());
  EXPECT_THAT(Ip("addr show br-one"), AllOf(HasSubstr("fd00:1:3::a4d:1/64"), Not(HasSubstr("fd00:1:2:"))));
  ASSERT_OK(elsewhere_->EnsureTap(tap_));
  const absl::Status back = on_->EnsureBridge();
  EXPECT_EQ(ErrorReason(back), "BRIDGE_ADDRESS_DIFFERS");
  EXPECT_THAT(std::string(back.message()), AllOf(HasSubstr("fd00:1:3::a4d:1/64"), HasSubstr(kGateway)));
}

}  // namespace
}  // namespace banger::netd
