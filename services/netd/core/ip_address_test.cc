#include "services/netd/core/ip_address.h"

#include "common/testing/status_matchers.h"

namespace banger::netd {
namespace {

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

TEST(IpAddressTest, PrintsAsRfc5952Has) {
  const std::pair<const char*, const char*> kSpellings[] = {
      {"172.30.0.2", "172.30.0.2"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"FD00:0:0:0:0:0:AC1E:0002", "fd00::ac1e:2"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},
      {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},
      {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
      {"::ffff:1.2.3.4", "::ffff:102:304"},
      {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
  };
  for (const auto& [text, printed] : kSpellings) {
    ASSERT_OK_AND_ASSIGN(const IpAddress address, IpAddress::Parse(text));
    EXPECT_EQ(address.ToString(), printed);
    EXPECT_THAT(IpAddress::Parse(printed), IsOkAndHolds(address));
  }
}

TEST(IpAddressTest, RefusesWhatIsNone) {
  for (const char* text : {"",
                           ":",
                           ":::",
                           "1",
                           "1:2:3:4:5:6:7",
                           "1:2:3:4:5:6:7:8:9",
                           "1:2:3:4:5:6:7:8::",
                           "::1:2:3:4:5:6:7:8",
                           "1::2::3",
                           ":1::2",
                           "1::2:",
                           "12345::",
                           "g::",
                           "::+1",
                           "::1 ",
                           "::1%eth0",
                           "::1/64",
                           "1.2.3.4::",
                           "::1.2.3",
                           "::1.2.3.4:5",
                           "[::1]"})
    EXPECT_THAT(IpAddress::Parse(text), StatusIs(absl::StatusCode::kInvalidArgument)) << text;
}

TEST(IpAddressTest, AFamilyIsNeverTakenForTheOther) {
  const IpAddress ipv4 = *IpAddress::Parse("1.2.3.4");
  const IpAddress mapped = *IpAddress::Parse("::ffff:1.2.3.4");
  EXPECT_NE(ipv4, mapped);
  EXPECT_EQ(ipv4.low_bits(), mapped.low_bits());
  EXPECT_NE(*IpAddress::Parse("0.0.0.0"), *IpAddress::Parse("::"));
}

TEST(IpAddressTest, MasksAnyNumberOfBits) {
  const IpAddress address = *IpAddress::Parse("ffff:ffff::ffff");
  EXPECT_EQ(address.Masked(0).ToString(), "::");
  EXPECT_EQ(address.Masked(13).ToString(), "fff8::");
  EXPECT_EQ(address.Masked(32).ToString(), "ffff:ffff::");
  EXPECT_EQ(address.Masked(127).ToString(), "ffff:ffff::fffe");
  EXPECT_EQ(address.Masked(128), address);
  EXPECT_EQ(IpAddress(*Ipv4::Parse("10.255.3.4")).Masked(12).ToString(), "10.240.0.0");
}

}  // namespace
}  // namespace banger::netd
