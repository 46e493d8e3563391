#include "services/netd/core/prefix.h"

#include "common/testing/status_matchers.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;

Prefix Network(const std::string& text) { return *Prefix::Parse(text); }

TEST(PrefixTest, TakesNetworksAndSingleAddresses) {
  EXPECT_EQ(Network("10.0.0.0/8").ToString(), "10.0.0.0/8");
  EXPECT_EQ(Network("192.0.2.7").ToString(), "192.0.2.7/32");
  EXPECT_EQ(Network("0.0.0.0/0").ToString(), "0.0.0.0/0");
  EXPECT_EQ(Network("2001:DB8::/32").ToString(), "2001:db8::/32");
  EXPECT_EQ(Network("fd00::1").ToString(), "fd00::1/128");
  EXPECT_EQ(Network("::/0").ToString(), "::/0");
  for (const char* wrong : {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/08", "10.0.0/8", "a/8",
                            "::/129", "::/+1", "fe80::1%eth0", "[::1]/64"})
    EXPECT_THAT(Prefix::Parse(wrong), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
  EXPECT_THAT(Prefix::Parse("10.1.0.0/8"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("did you mean 10.0.0.0/8?")));
  EXPECT_THAT(Prefix::Parse("2001:db8::1/32"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("did you mean 2001:db8::/32?")));
}

TEST(PrefixTest, NetworksOfOneFamilyContainNoneOfTheOther) {
  EXPECT_TRUE(Network("::/0").Contains(Network("2001:db8::/32")));
  EXPECT_FALSE(Network("::/0").Contains(Network("10.0.0.0/8")));
  EXPECT_FALSE(Network("0.0.0.0/0").Overlaps(Network("::/0")));
  EXPECT_TRUE(Network("2001:db8:1::/48").Overlaps(Network("2001:db8::/32")));
  EXPECT_FALSE(Network("2001:db8:1::/48").Contains(Network("2001:db8::/32")));
}

}  // namespace
}  // namespace banger::netd
