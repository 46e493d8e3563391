#include "services/netd/adapters/ipv6_switch.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <atomic>
#include <thread>

#include "common/os/temp_dir.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/netd/adapters/ipv6_options.h"
#include "services/netd/adapters/linux_router.h"
#include "services/netd/testing/icmpv6_frame.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using State = Ipv6Switch::State;

// A host with a card, and an interface that has been made a router's by itself.
class Ipv6SwitchTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    ASSERT_OK_AND_ASSIGN(directory_, TempDir::Create());
    for (const char* name : {"card", "side"}) Ip(absl::StrCat("link add ", name, " type bridge"));
    Set("side", "forwarding", '1');
    before_ = HostNetwork();
  }

  static void Set(const std::string& interface, const char* option, char value) {
    ASSERT_OK(SetSysctl(Ipv6Option(interface, option), value));
  }
  static std::string Get(const std::string& interface, const char* option) {
    return ReadFile(Ipv6Option(interface, option)).value_or("none");
  }
  std::filesystem::path undo() const { return directory_.path() / "undo"; }

  TempDir directory_;
  std::string before_;
};

TEST_F(Ipv6SwitchTest, EachInterfaceStaysWhatItWasAndAllIsPutBack) {
  Ipv6Switch ipv6(undo());
  EXPECT_THAT(ipv6.Look(), IsOkAndHolds(State::kOff));
  for (int i = 0; i < 2; ++i) ASSERT_OK(ipv6.TurnOn());
  EXPECT_THAT(ipv6.Look(), IsOkAndHolds(State::kOurs));
  EXPECT_EQ(Get("all", "forwarding"), "1\n");
  EXPECT_EQ(Get("side", "forwarding"), "1\n");
  for (const char* host : {"card", "lo", "default"}) {
    EXPECT_EQ(Get(host, "forwarding"), "0\n") << host;
    EXPECT_EQ(Get(host, "accept_ra"), "1\n") << host;
  }
  // What comes meanwhile is a host's, too.
  Ip("link add late type bridge");
  EXPECT_EQ(Get("late", "forwarding"), "0\n");
  Ip("link del late");
  for (int i = 0; i < 2; ++i) ASSERT_OK(ipv6.TurnOff());
  EXPECT_EQ(HostNetwork(), before_);
  EXPECT_FALSE(std::filesystem::exists(undo()));
}

// Interfaces that come at any moment of it, as containers' do.
TEST_F(Ipv6SwitchTest, WhatComesMeanwhileIsAHostsToo) {
  std::string batch;
  for (int i = 0; i < 200; ++i) absl::StrAppend(&batch, "link add late", i, " type bridge\n");
  const std::string file = (directory_.path() / "batch").string();
  ASSERT_OK(WriteFileAtomically(file, batch));
  std::atomic<bool> all_came = false;
  const std::jthread births([&] {
    Ip(absl::StrCat("-batch ", file));
    all_came = true;
  });
  Ipv6Switch ipv6(undo());
  for (bool is_last = false; !is_last;) {
    is_last = all_came;
    ASSERT_OK(ipv6.TurnOn());
    for (const auto& entry : std::filesystem::directory_iterator("/proc/sys/net/ipv6/conf")) {
      const std::string interface = entry.path().filename();
      if (interface == "all" || interface == "side") continue;
      ASSERT_EQ(Get(interface, "forwarding"), "0\n") << interface;
      ASSERT_EQ(Get(interface, "accept_ra"), "1\n") << interface;
    }
    ASSERT_OK(ipv6.TurnOff());
  }
}

TEST_F(Ipv6SwitchTest, IsTheBridgesToSwitch) {
  ASSERT_OK_AND_ASSIGN(
      const std::unique_ptr<LinuxRouter> router,
      LinuxRouter::Create({.bridge = "br-x", .ipv6_undo = undo(), .ipv6_by_interface = false}));
  EXPECT_THAT(router->Forwards(Family::kIpv6, "br-x"), IsOkAndHolds(false));
  ASSERT_OK(router->SetForwarding(Family::kIpv6, "card", true));
  EXPECT_EQ(HostNetwork(), before_);
  ASSERT_OK(router->SetForwarding(Family::kIpv6, "br-x", true));
  EXPECT_EQ(Get("all", "forwarding"), "1\n");
  EXPECT_THAT(router->Forwards(Family::kIpv6, "br-x"), IsOkAndHolds(true));
  EXPECT_THAT(router->ForwardsEverywhere(Family::kIpv6), IsOkAndHolds(false));
  ASSERT_OK(router->SetForwarding(Family::kIpv6, "card", false));
  EXPECT_EQ(Get("all", "forwarding"), "1\n");
  ASSERT_OK(router->SetForwarding(Family::kIpv6, "br-x", false));
  EXPECT_EQ(HostNetwork(), before_);
}

TEST_F(Ipv6SwitchTest, IsLeftOnForWhoeverWantsItForAll) {
  Ipv6Switch ipv6(undo());
  Set("all", "forwarding", '1');
  EXPECT_THAT(ipv6.Look(), IsOkAndHolds(State::kOthers));
  ASSERT_OK(ipv6.TurnOn());
  EXPECT_EQ(Get("card", "forwarding"), "1\n");
  ASSERT_OK(ipv6.TurnOff());
  EXPECT_EQ(Get("all", "forwarding"), "1\n");
  // Also when they come second: what they write is what is there already.
  Set("all", "forwarding", '0');
  ASSERT_OK(ipv6.TurnOn());
  EXPECT_THAT(ipv6.Look(), IsOkAndHolds(State::kOurs));
  Set("all", "forwarding", '1');
  EXPECT_THAT(ipv6.Look(), IsOkAndHolds(State::kOthers));
  ASSERT_OK(ipv6.TurnOff());
  EXPECT_EQ(Get("all", "forwarding"), "1\n");
  EXPECT_FALSE(std::filesystem::exists(undo()));
}

// The queue of a card that is wired to a router.
UniqueFd MakeWiredCard() {
  UniqueFd queue(::open("/dev/net/tun", O_RDWR | O_CLOEXEC));
  ifreq request{};
  request.ifr_flags = IFF_TAP | IFF_NO_PI;
  std::string("wired").copy(request.ifr_name, IFNAMSIZ - 1);
  EXPECT_EQ(::ioctl(queue.get(), TUNSETIFF, &request), 0);
  Ip("link set wired up");
  return queue;
}

std::string RouterAdvertisement() {
  using namespace std::string_literals;
  const IpAddress all_nodes = *IpAddress::Parse("ff02::1");
  return Icmpv6Frame({.from_mac = "\x02\0\0\0\0\x99"s,
                      .to_mac = MacOfGroup(all_nodes),
                      .from = *IpAddress::Parse("fe80::99"),
                      .to = all_nodes,
                      .message = Icmpv6Message(Icmpv6::kRouterAdvert, "\x40\0\x07\x08\0\0\0\0\0\0\0\0"s)});
}

TEST_F(Ipv6SwitchTest, DefaultRoutesByAdvertisementStayAndAreRenewed) {
  const UniqueFd queue = MakeWiredCard();
  const auto is_advertised = [&] {
    EXPECT_OK(WriteFully(queue.get(), RouterAdvertisement()));
    return Ip("-6 route show default").find("via fe80::99 dev wired proto ra") != std::string::npos;
  };
  ASSERT_TRUE(Eventually(is_advertised));
  Ipv6Switch ipv6(undo());
  ASSERT_OK(ipv6.TurnOn());
  EXPECT_THAT(Ip("-6 route show default"), HasSubstr("via fe80::99 dev wired proto ra"));
  Ip("-6 route del default");
  EXPECT_TRUE(Eventually(is_advertised));
  ASSERT_OK(ipv6.TurnOff());
  EXPECT_THAT(Ip("-6 route show default"), HasSubstr("via fe80::99 dev wired proto ra"));
  EXPECT_EQ(Get("wired", "accept_ra"), "1\n");
  // Why it takes so much: what the kernel does by itself.
  Ip("-6 route del default");
  EXPECT_TRUE(Eventually(is_advertised));
  Set("all", "forwarding", '1');
  EXPECT_THAT(Ip("-6 route show default"), Not(HasSubstr("proto ra")));
}

TEST_F(Ipv6SwitchTest, ComesBackWhereSomebodySwitchedItOff) {
  Ipv6Switch ipv6(undo());
  ASSERT_OK(ipv6.TurnOn());
  Set("all", "forwarding", '0');
  EXPECT_THAT(ipv6.Look(), IsOkAndHolds(State::kOff));
  ASSERT_OK(ipv6.TurnOn());
  EXPECT_EQ(Get("all", "forwarding"), "1\n");
}

TEST_F(Ipv6SwitchTest, WhatADeathLeftHalfDoneIsFinishedOrUndone) {
  const std::string half_done =
      R"({"routers":["side"],"raised":["card","default"],"kept":["trusting"],"settled":false})";
  Ip("link add trusting type bridge");
  Set("trusting", "accept_ra", '2');
  before_ = HostNetwork();
  for (const bool on : {true, false}) {
    ASSERT_OK(WriteFileAtomically(undo(), half_done));
    Set("card", "accept_ra", '2');
    Set("default", "accept_ra", '2');
    Set("all", "forwarding", '1');
    Ip("link add late type bridge");
    Ipv6Switch ipv6(undo());
    EXPECT_THAT(ipv6.Look(), IsOkAndHolds(State::kOff));
    if (on) {
      ASSERT_OK(ipv6.TurnOn());
      EXPECT_EQ(Get("card", "forwarding"), "0\n");
      EXPECT_EQ(Get("card", "accept_ra"), "1\n");
      EXPECT_EQ(Get("late", "forwarding"), "0\n");
      EXPECT_THAT(ipv6.Look(), IsOkAndHolds(State::kOurs));
    }
    ASSERT_OK(ipv6.TurnOff());
    EXPECT_EQ(Get("late", "accept_ra"), "1\n");
    Ip("link del late");
    EXPECT_EQ(HostNetwork(), before_);
  }
}

}  // namespace
}  // namespace banger::netd
