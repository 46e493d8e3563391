#include "services/gateway/adapters/listen_address.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"

namespace banger::gateway {
namespace {

// Those of documentation, which no host has.
TEST(ListenAddressTest, AnAddressMayComeLater) {
  for (const char* address : {"192.0.2.7:0", "[2001:db8::7]:0"}) {
    ASSERT_OK_AND_ASSIGN(const UniqueFd listener, ListenTcp(address));
    EXPECT_NE(PortOf(listener.get()), 0) << address;
  }
}

TEST(ListenAddressTest, AnAddressThatIsTakenIsNamed) {
  ASSERT_OK_AND_ASSIGN(const UniqueFd first, ListenTcp("127.0.0.1:0"));
  const std::string address = absl::StrCat("127.0.0.1:", PortOf(first.get()));
  EXPECT_THAT(ListenTcp(address).status().message(), ::testing::HasSubstr(address));
}

TEST(ListenAddressTest, AnIpv6NetworkIsOneClientToTheLimits) {
  EXPECT_EQ(NetworkOf("192.0.2.7"), "192.0.2.7");
  EXPECT_EQ(NetworkOf("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::/64");
  EXPECT_EQ(NetworkOf("2001:db8:1:2::1"), "2001:db8:1:2::/64");
  EXPECT_NE(NetworkOf("2001:db8:1:3::1"), "2001:db8:1:2::/64");
  EXPECT_EQ(NetworkOf("fe80::1%eth0"), "fe80::/64");
}

}  // namespace
}  // namespace banger::gateway
