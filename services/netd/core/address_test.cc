#include "services/netd/core/address.h"

#include "common/testing/status_matchers.h"

namespace banger::netd {
namespace {

Subnet SubnetOf(const std::string& gateway, int prefix) {
  return *Subnet::Create(*Ipv4::Parse(gateway), prefix);
}

TEST(MacTest, HoldsTheAddress) {
  EXPECT_EQ(Mac::ForAddress(*Ipv4::Parse("172.30.0.2")).ToString(), "52:b4:ac:1e:00:02");
  EXPECT_EQ(Mac::ForAddress(*Ipv4::Parse("172.30.0.2")).LinkLocalAddress().ToString(),
            "fe80::50b4:acff:fe1e:2");
}

TEST(SubnetTest, KnowsItsEdges) {
  const Subnet subnet = SubnetOf("172.30.0.1", 24);
  EXPECT_EQ(subnet.ToString(), "172.30.0.1/24");
  EXPECT_EQ(subnet.network().ToString(), "172.30.0.0");
  EXPECT_EQ(subnet.broadcast().ToString(), "172.30.0.255");
  EXPECT_FALSE(subnet.IsGuestAddress(subnet.network()));
  EXPECT_FALSE(subnet.IsGuestAddress(subnet.gateway()));
  EXPECT_FALSE(subnet.IsGuestAddress(subnet.broadcast()));
  EXPECT_FALSE(subnet.IsGuestAddress(*Ipv4::Parse("172.30.1.2")));
  EXPECT_TRUE(subnet.IsGuestAddress(*Ipv4::Parse("172.30.0.2")));
  EXPECT_TRUE(subnet.IsGuestAddress(*Ipv4::Parse("172.30.0.254")));
}

TEST(SubnetTest, RefusesWhatNoBridgeCanHave) {
  for (const char* gateway :
       {"172.30.0.0", "172.30.0.255", "127.0.0.1", "0.0.0.1", "169.254.1.1", "224.0.0.1", "255.255.255.254"})
    EXPECT_THAT(Subnet::Create(*Ipv4::Parse(gateway), 24), StatusIs(absl::StatusCode::kInvalidArgument))
        << gateway;
  for (const int prefix : {-1, 0, 15, 31, 32, 33})
    EXPECT_THAT(Subnet::Create(*Ipv4::Parse("172.30.0.1"), prefix),
                StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(SubnetTest, OverlapsLargerAndSmallerOnes) {
  const Subnet subnet = SubnetOf("172.30.0.1", 24);
  EXPECT_TRUE(subnet.Overlaps(*Prefix::Parse("172.16.0.0/12")));
  EXPECT_TRUE(subnet.Overlaps(*Prefix::Parse("172.30.0.128/25")));
  EXPECT_TRUE(subnet.Overlaps(*Prefix::Parse("172.30.0.77/32")));
  EXPECT_TRUE(subnet.Overlaps(*Prefix::Parse("0.0.0.0/0")));
  EXPECT_FALSE(subnet.Overlaps(*Prefix::Parse("172.30.1.0/24")));
  EXPECT_FALSE(subnet.Overlaps(*Prefix::Parse("10.0.0.0/8")));
}

TEST(SubnetTest, OneNumberHasBothAddresses) {
  ASSERT_OK_AND_ASSIGN(const Subnet subnet,
                       SubnetOf("172.30.0.1", 24).WithIpv6(*Prefix::Parse("fd00:1:2::/64")));
  EXPECT_EQ(subnet.families(), (std::vector{Family::kIpv4, Family::kIpv6}));
  const Ipv4 guest = *Ipv4::Parse("172.30.0.2");
  EXPECT_EQ(subnet.AddressOf(guest, Family::kIpv4).ToString(), "172.30.0.2");
  EXPECT_EQ(subnet.AddressOf(guest, Family::kIpv6).ToString(), "fd00:1:2::ac1e:2");
  EXPECT_EQ(subnet.AddressOf(subnet.gateway(), Family::kIpv6).ToString(), "fd00:1:2::ac1e:1");
  EXPECT_EQ(subnet.NetworkOf(Family::kIpv4).ToString(), "172.30.0.0/24");
  EXPECT_EQ(subnet.NetworkOf(Family::kIpv6).ToString(), "fd00:1:2::/64");
  EXPECT_EQ(subnet.MemberWith(*IpAddress::Parse("172.30.0.2")), guest);
  EXPECT_EQ(subnet.MemberWith(*IpAddress::Parse("fd00:1:2::ac1e:2")), guest);
  for (const char* foreign : {"fd00:1:2::ac1e:102", "fd00:1:2:0:1::ac1e:2", "fd00:1:3::ac1e:2", "172.30.1.2"})
    EXPECT_EQ(subnet.MemberWith(*IpAddress::Parse(foreign)), std::nullopt) << foreign;
  EXPECT_TRUE(subnet.Overlaps(*Prefix::Parse("fd00::/8")));
  EXPECT_TRUE(subnet.Overlaps(*Prefix::Parse("fd00:1:2::77/128")));
  EXPECT_FALSE(subnet.Overlaps(*Prefix::Parse("fd00:1:2:1::/64")));
}

TEST(SubnetTest, HasNoIpv6UnlessItIsGivenSome) {
  const Subnet subnet = SubnetOf("172.30.0.1", 24);
  EXPECT_EQ(subnet.families(), std::vector{Family::kIpv4});
  EXPECT_EQ(subnet.MemberWith(*IpAddress::Parse("::ac1e:2")), std::nullopt);
  EXPECT_FALSE(subnet.Overlaps(*Prefix::Parse("::/0")));
  for (const char* wrong :
       {"fd00::/48", "fd00::/65", "10.0.0.0/16", "fe80::/64", "ff00::/64", "::/64", "64:ff9b::/64"})
    EXPECT_THAT(subnet.WithIpv6(*Prefix::Parse(wrong)), StatusIs(absl::StatusCode::kInvalidArgument))
        << wrong;
  EXPECT_OK(subnet.WithIpv6(*Prefix::Parse("2001:db8::/64")));
}

}  // namespace
}  // namespace banger::netd
