#include "services/gateway/adapters/listen_address.h"

#include <gtest/gtest.h>

namespace banger::gateway {
namespace {

TEST(ListenAddressTest, AnIpv6NetworkIsOneClientToTheLimits) {
  EXPECT_EQ(NetworkOf("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(NetworkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(NetworkOf("2001:db8:1:2::1"), "2001:db8:1:2::/64");
  EXPECT_NE(NetworkOf("2001:db8:1:3::1"), "2001:db8:1:2::/64");
  EXPECT_EQ(NetworkOf("fe80::1%eth0"), "fe80::/64");
}

}  // namespace
}  // namespace banger::gateway
