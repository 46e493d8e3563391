#include "services/agent/adapters/ipv6.h"

#include <sched.h>
#include <unistd.h>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"

namespace banger::agent {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

std::string Ip(const std::string& arguments) {
  const auto out = RunCommandOk({.argv = absl::StrSplit(absl::StrCat("ip -6 ", arguments), ' ')});
  EXPECT_OK(out);
  return out.ok() ? *out : "";
}

// In a network namespace of its own.
class Ipv6Test : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0 || ::unshare(CLONE_NEWNET) != 0) GTEST_SKIP() << "needs root";
    Ip("link add card type veth peer name wire");
    Ip("link set wire up");
    ASSERT_OK(PrepareIpv6("card"));
    Ip("link set card address 52:b4:ac:1e:00:02 up");
  }
};

TEST_F(Ipv6Test, TheAddressIsUsableSoonAndLeadsToTheGateway) {
  ASSERT_OK(ConfigureIpv6("card", "fd00:1::ac1e:2/64", "fd00:1::ac1e:1"));
  // The kernel clears the mark a moment later, asking nobody.
  EXPECT_TRUE(Eventually([] { return !absl::StrContains(Ip("addr show card"), "tentative"); }));
  EXPECT_THAT(Ip("addr show card"), AllOf(HasSubstr("inet6 fd00:1::ac1e:2/64 scope global"),
                                          HasSubstr("inet6 fe80::50b4:acff:fe1e:2/64 scope link")));
  EXPECT_THAT(Ip("route show default"), HasSubstr("default via fd00:1::ac1e:1 dev card"));
  for (const char* option : {"accept_ra", "autoconf", "accept_redirects"})
    EXPECT_THAT(ReadFile(absl::StrCat("/proc/sys/net/ipv6/conf/card/", option)), IsOkAndHolds("0\n"))
        << option;
}

TEST_F(Ipv6Test, TakesThePlaceOfWhatWasThere) {
  for (int i = 0; i < 2; ++i) ASSERT_OK(ConfigureIpv6("card", "fd00:1::ac1e:2/64", "fd00:1::ac1e:1"));
  ASSERT_OK(ConfigureIpv6("card", "fd00:2::ac1e:3/64", "fd00:2::ac1e:1"));
  EXPECT_THAT(Ip("addr show card"),
              AllOf(HasSubstr("fd00:2::ac1e:3/64"), HasSubstr("fe80::"), Not(HasSubstr("fd00:1:"))));
  EXPECT_THAT(Ip("route show default"),
              AllOf(HasSubstr("via fd00:2::ac1e:1"), Not(HasSubstr("via fd00:1::ac1e:1"))));
  ASSERT_OK(ConfigureIpv6("card", "fd00:2::ac1e:3/64", ""));
  EXPECT_THAT(Ip("route show default"), IsEmpty());
}

TEST_F(Ipv6Test, NamesAnMtuThatIsTooSmall) {
  Ip("link set card mtu 1279");
  EXPECT_THAT(PrepareIpv6("card"),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("no IPv6 address: the MTU of 'card' is 1279, and IPv6 needs 1280")));
}

TEST_F(Ipv6Test, RefusesWhatIsNoAddress) {
  for (const char* wrong : {"", "fd00::1", "fd00::1/0", "fd00::1/129", "172.30.0.2/24", "fd00::1/x"})
    EXPECT_THAT(ConfigureIpv6("card", wrong, ""), StatusIs(absl::StatusCode::kInvalidArgument)) << wrong;
  EXPECT_THAT(ConfigureIpv6("card", "fd00:1::2/64", "172.30.0.1"),
              StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("'172.30.0.1' is not an IPv6 address")));
}

}  // namespace
}  // namespace banger::agent
