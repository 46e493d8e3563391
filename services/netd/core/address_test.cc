#include "services/netd/core/address.h"

#include "common/testing/status_matchers.h"

namespace banger::netd {
namespace {

Subnet SubnetOf(const std::string& gateway, int prefix) {
  return *Subnet::Create(*Ipv4::Parse(gateway), prefix);
}

TEST(Ipv4Test, PrintsWhatItParsed) {
  for (const char* text : {"0.0.0.0", "172.30.0.1", "255.255.255.255"}) {
    ASSERT_OK_AND_ASSIGN(const Ipv4 address, Ipv4::Parse(text));
    EXPECT_EQ(address.ToString(), text);
  }
}

TEST(Ipv4Test, RefusesEveryOtherSpelling) {
  for (const char* text : {"", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "+1.2.3.4", " 1.2.3.4",
                           "1.2.3.4 ", "1.2.3.-4", "1..2.3", "a.b.c.d", "::1", "1.2.3.4/24"})
    EXPECT_THAT(Ipv4::Parse(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
}

TEST(MacTest, HoldsTheAddress) {
  EXPECT_EQ(Mac::ForAddress(*Ipv4::Parse("172.30.0.2")).ToString(), "52:b4:ac:1e:00:02");
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
  EXPECT_TRUE(subnet.Overlaps(*Ipv4::Parse("172.16.0.0"), 12));
  EXPECT_TRUE(subnet.Overlaps(*Ipv4::Parse("172.30.0.128"), 25));
  EXPECT_TRUE(subnet.Overlaps(*Ipv4::Parse("172.30.0.77"), 32));
  EXPECT_TRUE(subnet.Overlaps(*Ipv4::Parse("0.0.0.0"), 0));
  EXPECT_FALSE(subnet.Overlaps(*Ipv4::Parse("172.30.1.0"), 24));
  EXPECT_FALSE(subnet.Overlaps(*Ipv4::Parse("10.0.0.0"), 8));
}

}  // namespace
}  // namespace banger::netd
