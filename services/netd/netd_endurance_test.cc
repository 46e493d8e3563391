// Many cycles and many deaths of netd; the host is the same afterwards. The full
// counts run with BANGER_ENDURANCE=1.
#include <cstdlib>
#include <random>
#include <thread>

#include "services/netd/testing/daemon_fixture.h"

namespace banger::netd {
namespace {

int Count(int quick, int full) { return std::getenv("BANGER_ENDURANCE") != nullptr ? full : quick; }

class NetdEnduranceTest : public DaemonFixture {
 protected:
  void PrepareHost() override {
    DisableIpv6();
    Ip("link set lo up");
    Ip("link add up0 type veth peer name up1");
    Ip("link set up1 up");
    Ip("addr add 198.51.100.2/24 dev up0");
    Ip("link set up0 up");
    Ip("route add default via 198.51.100.1");
  }

  // One VM's life at netd: errors are those of a netd that dies meanwhile.
  absl::Status Live(const std::string& id, bool nat) {
    NetdClient client = Client();
    BANGER_RETURN_IF_ERROR(client.Create(id).status());
    v1::EndpointPolicy policy;
    policy.set_nat(nat);
    BANGER_RETURN_IF_ERROR(client.SetPolicy(id, policy));
    BANGER_RETURN_IF_ERROR(client.Attach(id).status());
    BANGER_RETURN_IF_ERROR(client.OpenDescriptor(id).status());
    BANGER_RETURN_IF_ERROR(client.Detach(id));
    return client.Delete(id);
  }
};

TEST_F(NetdEnduranceTest, CyclesOfAttachAndDetachLeaveNothing) {
  const int cycles = Count(50, 1000);
  for (int i = 0; i < cycles; ++i) ASSERT_OK(Live(absl::StrCat("vm-", i % 7), i % 2 == 0));
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before_);
}

TEST_F(NetdEnduranceTest, DeathsAtRandomPointsLeaveNothing) {
  const int deaths = Count(8, 100);
  std::mt19937 random(20260101);
  for (int i = 0; i < deaths; ++i) {
    std::jthread caller([this, i](const std::stop_token& stop) {
      for (int n = 0; !stop.stop_requested(); ++n)
        if (!Live(absl::StrCat("vm-", (i + n) % 5), n % 2 == 0).ok()) return;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 200));
    ASSERT_EQ(End(SIGKILL).signal, SIGKILL);
    caller.request_stop();
    caller.join();
    ASSERT_NO_FATAL_FAILURE(Start());
  }
  NetdClient client = Client();
  ASSERT_OK_AND_ASSIGN(const auto endpoints, client.List());
  for (const v1::Endpoint& endpoint : endpoints) EXPECT_OK(client.Delete(endpoint.name().substr(10)));
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before_);
}

}  // namespace
}  // namespace banger::netd
