#include "services/netd/adapters/host_watcher.h"

#include <atomic>

#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd {
namespace {

using namespace std::chrono_literals;

class HostWatcherTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    SkipDuplicateDetection();
    Ip("link add card type bridge");
    Ip("link set card up");
    Ip("addr add 192.0.2.1/24 dev card");
    Ip("addr add 2001:db8::1/64 dev card");
  }
  void Watch(const std::vector<Family>& families) {
    ASSERT_OK_AND_ASSIGN(
        watcher_, HostWatcher::Start(families, {.on_change = [this] { ++changes_; }, .on_time = [] {}}, 1h));
  }
  // Whether a command is noticed, by now or within a moment.
  bool Notices(const std::function<void()>& command, std::chrono::milliseconds patience = 20s) {
    const int before = changes_;
    command();
    return Eventually([&] { return changes_ > before; }, patience);
  }

  std::atomic<int> changes_ = 0;
  std::unique_ptr<HostWatcher> watcher_;
};

TEST_F(HostWatcherTest, HearsOfRoutesAndRules) {
  Watch({Family::kIpv4, Family::kIpv6});
  EXPECT_TRUE(Notices([] { Ip("route add 198.51.100.0/24 via 192.0.2.2"); }));
  EXPECT_TRUE(Notices([] { Ip("-6 route add 2001:db8:1::/64 via 2001:db8::2"); }));
  EXPECT_TRUE(Notices([] { Nft("add table inet somebodys"); }));
}

TEST_F(HostWatcherTest, HearsNothingOfAFamilyThatIsOff) {
  Watch({Family::kIpv4});
  EXPECT_FALSE(Notices([] { Ip("-6 route add 2001:db8:1::/64 via 2001:db8::2"); }, 300ms));
  EXPECT_TRUE(Notices([] { Ip("route add 198.51.100.0/24 via 192.0.2.2"); }));
}

}  // namespace
}  // namespace banger::netd
