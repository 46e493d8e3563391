#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "services/netd/testing/responder_fixture.h"

namespace banger::netd::dns {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

// The nibbles of fd00:1:2::ac1e:2 from its end, from the `begin`th on.
std::string Ip6Name(std::size_t begin) {
  const std::string all = "2.0.0.0.e.1.c.a.0.0.0.0.0.0.0.0.0.0.0.0.2.0.0.0.1.0.0.0.0.0.d.f.ip6.arpa.";
  return all.substr(2 * begin);
}

class Ipv6ResponderTest : public ResponderTest {
 protected:
  Ipv6ResponderTest()
      : ResponderTest(*MakeSubnet("172.30.0.1", 24).WithIpv6(*Prefix::Parse("fd00:1:2::/64"))) {}
};

TEST_F(Ipv6ResponderTest, NamesHaveAddressesOfBothFamilies) {
  EXPECT_EQ(AnswerTo("web.vm.", LDNS_RR_TYPE_A), "web.vm. 5 IN A 172.30.0.2\n");
  EXPECT_EQ(AnswerTo("web.vm.", LDNS_RR_TYPE_AAAA), "web.vm. 5 IN AAAA fd00:1:2::ac1e:2\n");
  EXPECT_EQ(AnswerTo("web.vm.", LDNS_RR_TYPE_MX), "");
  EXPECT_EQ(rcode(), LDNS_RCODE_NOERROR);
  EXPECT_EQ(AnswerTo("gone.vm.", LDNS_RR_TYPE_AAAA), "");
  EXPECT_EQ(rcode(), LDNS_RCODE_NXDOMAIN);
}

TEST_F(Ipv6ResponderTest, AddressesHaveNames) {
  EXPECT_EQ(AnswerTo(Ip6Name(0), LDNS_RR_TYPE_PTR), absl::StrCat(Ip6Name(0), " 5 IN PTR web.vm.\n"));
  EXPECT_EQ(AnswerTo(Ip6Name(0), LDNS_RR_TYPE_AAAA), "");
  EXPECT_EQ(rcode(), LDNS_RCODE_NOERROR);
  EXPECT_EQ(AnswerTo("2.0.30.172.in-addr.arpa.", LDNS_RR_TYPE_PTR),
            "2.0.30.172.in-addr.arpa. 5 IN PTR web.vm.\n");
}

TEST_F(Ipv6ResponderTest, TheReverseZoneIsThatOfTheNetwork) {
  const std::string soa = absl::StrCat(Ip6Name(16), " 1 IN SOA");
  EXPECT_THAT(AnswerTo(Ip6Name(16), LDNS_RR_TYPE_NS), HasSubstr("IN NS"));
  // On the way to a name there is no data; anywhere else nothing at all.
  for (const std::size_t digits : {1, 8, 15}) {
    EXPECT_EQ(AnswerTo(Ip6Name(digits), LDNS_RR_TYPE_PTR), "");
    EXPECT_EQ(rcode(), LDNS_RCODE_NOERROR) << digits;
    EXPECT_THAT(Authority(), StartsWith(soa));
  }
  for (const std::string& name :
       {"7" + Ip6Name(0).substr(1), "9.9." + Ip6Name(2), "1." + Ip6Name(16), "x." + Ip6Name(1),
        "00." + Ip6Name(1), "1." + Ip6Name(0), "02." + Ip6Name(1)}) {
    EXPECT_EQ(AnswerTo(name, LDNS_RR_TYPE_PTR), "") << name;
    EXPECT_EQ(rcode(), LDNS_RCODE_NXDOMAIN) << name;
    EXPECT_THAT(Authority(), StartsWith(soa)) << name;
  }
  for (const std::string& name : {Ip6Name(17), std::string("ip6.arpa."), "1." + Ip6Name(17)})
    EXPECT_EQ(Ask(name, LDNS_RR_TYPE_PTR), Verdict::kForward) << name;
}

using Ipv4ResponderTest = ResponderTest;

TEST_F(Ipv4ResponderTest, HasNoReverseNamesOfIpv6) {
  EXPECT_EQ(Ask(Ip6Name(0), LDNS_RR_TYPE_PTR), Verdict::kForward);
}

}  // namespace
}  // namespace banger::netd::dns
