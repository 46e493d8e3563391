// [network] ipv6 with real guests: two that may reach each other, a stranger, and an
// internet that has IPv6 only.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/internet.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;

constexpr char kPrefix[] = "fd00:1:2:";
constexpr char kWeb[] = "2001:db8:2::10";

const Internet::Options kInternet = {
    .host = "2001:db8:51::2/64", .router = "2001:db8:51::1/64", .web = kWeb, .name_server = ""};

class Ipv6Test : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() {
    StartInstance({.config = absl::StrCat("[network]\nipv6 = true\nipv6_prefix = \"", kPrefix, ":/64\"\n")});
  }
  void SetUp() override {
    ASSERT_NE(instance_, nullptr);
    before_ = instance_->Snapshot();
  }
  void TearDown() override {
    Run({"vm", "delete", "--force", "a", "b", "c"});
    EXPECT_EQ(Changes(before_, instance_->Snapshot()), "");
  }

  static bool ReachesWeb(const std::string& vm) { return GotHello(Exec(vm, AskWeb(kWeb))); }
  static bool Pings(const std::string& vm, const std::string& address) {
    return absl::StrContains(Exec(vm, absl::StrCat("busybox ping6 -c 1 -W 3 ", address)),
                             "1 packets received");
  }
  // As the guest has it.
  static std::string AddressOf(const std::string& vm) {
    return Exec(vm,
                "busybox ip -6 -o addr show dev eth0 scope global | "
                "busybox awk '{split($4, a, \"/\"); printf \"%s\", a[1]}'");
  }

  HostSnapshot before_;
};

TEST_F(Ipv6Test, GuestsHaveItAndReachByItWhomTheyMay) {
  const Internet internet(kInternet);
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "b", "--image", "mini"}));
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "a", "--image", "mini", "--nat", "--allow-vm", "b"}));
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "c", "--image", "mini"}));
  const std::string address = AddressOf("b");
  ASSERT_THAT(address, HasSubstr(absl::StrCat(kPrefix, ":ac1e:")));
  EXPECT_THAT(Run({"vm", "show", "b"}).out, HasSubstr(absl::StrCat("\"ipv6_address\": \"", address, "\"")));

  EXPECT_TRUE(ReachesWeb("a"));
  EXPECT_FALSE(ReachesWeb("b"));
  EXPECT_TRUE(Succeeds({"vm", "set", "--nat", "--egress", "allow=2001:db8:2::/48", "c"}));
  EXPECT_TRUE(ReachesWeb("c"));
  EXPECT_TRUE(Pings("a", address));
  EXPECT_FALSE(Pings("c", address));
  EXPECT_TRUE(Pings("c", absl::StrCat(kPrefix, ":ac1e:1")));
  EXPECT_THAT(Exec("a", "busybox nslookup b.vm"), HasSubstr(address));
  EXPECT_EQ(Exec("a", "busybox cat /proc/sys/net/ipv6/conf/eth0/accept_ra"), "0\n");
  EXPECT_THAT(
      Run({"system", "network"}).out,
      AllOf(HasSubstr("IPv6:        fd00:1:2::ac1e:1/64; way out: up0; forwarding: "), HasSubstr(address)));

  instance_->CrashDaemon("netd");
  EXPECT_TRUE(ReachesWeb("a"));
  ASSERT_OK(instance_->StartDaemon("netd"));
  ASSERT_TRUE(Succeeds({"vm", "stop", "b"}));
  ASSERT_TRUE(Succeeds({"vm", "start", "b"}));
  EXPECT_TRUE(Eventually([&] { return Pings("a", AddressOf("b")); }));
  EXPECT_FALSE(ReachesWeb("b"));
}

}  // namespace
}  // namespace banger::e2e
