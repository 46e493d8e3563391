#include "services/netd/adapters/subnet_choice.h"

#include "common/testing/status_matchers.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

constexpr char kMark[] = "banger:br-x:/run/x";

class SubnetChoiceTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_OK_AND_ASSIGN(netlink_, Netlink::Connect());
    Ip("link add vpn0 type bridge");
    Ip("link set vpn0 up");
  }
  std::string Choice(int prefix = 24) {
    const absl::StatusOr<Subnet> subnet = ChooseSubnet(*netlink_, "br-x", kMark, prefix);
    EXPECT_OK(subnet);
    return subnet.ok() ? subnet->ToString() : "";
  }

  std::unique_ptr<Netlink> netlink_;
};

TEST_F(SubnetChoiceTest, TheDefaultWhereNothingIsInItsWay) {
  Ip("addr add 10.9.0.2/24 dev vpn0");
  Ip("route add default via 10.9.0.1");
  Ip("route add 172.30.1.0/24 dev vpn0");
  EXPECT_EQ(Choice(), "172.30.0.1/24");
  EXPECT_EQ(Choice(16), "172.31.0.1/16");
}

TEST_F(SubnetChoiceTest, TheNextThatNoRouteOrAddressIsInTheWayOf) {
  Ip("addr add 172.30.0.1/16 dev vpn0");
  EXPECT_EQ(Choice(), "172.31.0.1/24");
  Ip("addr add 172.31.0.77/32 dev vpn0");
  EXPECT_EQ(Choice(), "172.29.0.1/24");
  Ip("route add 172.16.0.0/12 dev vpn0");
  EXPECT_EQ(Choice(), "10.213.0.1/24");
  Ip("route add 10.0.0.0/8 dev vpn0 table 51820");
  EXPECT_EQ(Choice(), "192.168.213.1/24");
  Ip("route del 172.16.0.0/12 dev vpn0");
  EXPECT_EQ(Choice(), "172.29.0.1/24");
}

TEST_F(SubnetChoiceTest, TheDefaultAgainWhenAllAreTaken) {
  for (const char* network : {"172.16.0.0/12", "10.0.0.0/8", "192.168.0.0/16"})
    Ip(std::string("route add ") + network + " dev vpn0");
  EXPECT_EQ(Choice(), "172.30.0.1/24");
}

TEST_F(SubnetChoiceTest, WhatTheBridgeHasIsKeptWhileItHasPorts) {
  Ip("link add br-x type bridge");
  Ip(std::string("link set br-x up alias ") + kMark);
  Ip("addr add 10.213.0.1/24 dev br-x");
  EXPECT_EQ(Choice(), "172.30.0.1/24");
  Ip("tuntap add port0 mode tap");
  Ip("link set port0 master br-x");
  EXPECT_EQ(Choice(), "10.213.0.1/24");
  // Somebody else's is no reason.
  Ip("link set br-x alias other");
  EXPECT_EQ(Choice(), "172.30.0.1/24");
}

}  // namespace
}  // namespace banger::netd
