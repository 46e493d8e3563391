// Spare taps as netd keeps them.
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/testing/eventually.h"
#include "services/netd/testing/daemon_fixture.h"

namespace banger::netd {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class NetdPoolTest : public DaemonFixture {
 protected:
  void PrepareHost() override { DisableIpv6(); }
  std::string Config() override { return "[network]\ntap_pool_size = 3\n"; }

  // Names of taps that are no endpoint's, with their index: "bgr-ac1e0003 7".
  static std::vector<std::string> Spares() {
    std::vector<std::string> spares;
    for (const auto& link : nlohmann::json::parse(Ip("-j link show")))
      if (absl::EndsWith(link.value("ifalias", ""), ":"))
        spares.push_back(absl::StrCat(link["ifname"].get<std::string>(), " ", link["ifindex"].get<int>()));
    return spares;
  }
  static bool IsFull() { return Spares().size() == 3; }
  absl::StatusOr<v1::Endpoint> Attach(const std::string& id) {
    BANGER_RETURN_IF_ERROR(Client().Create(id).status());
    return Client().Attach(id);
  }
};

TEST_F(NetdPoolTest, AVmTakesASpareTapAndAnotherIsMade) {
  EXPECT_THAT(Spares(), IsEmpty());
  ASSERT_OK(Attach("first"));
  ASSERT_TRUE(Eventually(IsFull));
  const std::vector<std::string> spare = absl::StrSplit(Spares()[0], ' ');
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint taken, Attach("second"));
  EXPECT_EQ(taken.tap(), spare[0]);
  EXPECT_THAT(Ip("-d link show " + taken.tap()),
              ::testing::AllOf(HasSubstr(spare[1] + ": "), HasSubstr(absl::StrCat("user ", kClient)),
                               HasSubstr(":second")));
  EXPECT_TRUE(Eventually(IsFull));
  // It works as any.
  ASSERT_OK_AND_ASSIGN(const GuestEnd guest, Client().Open(taken));
  EXPECT_OK(guest.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
}

TEST_F(NetdPoolTest, ASpareTapLetsThroughWhatAnyOtherGuestMaySendAndNoMore) {
  ASSERT_OK(Attach("first"));
  ASSERT_TRUE(Eventually(IsFull));
  EXPECT_THAT(Nft("list set bridge banger-br-banger own_addresses"),
              HasSubstr("\"bgr-ac1e0003\" . 52:b4:ac:1e:00:03 . 172.30.0.3"));
  EXPECT_THAT(Client().OpenDescriptor("bgr-ac1e0003"), ::testing::Not(IsOk()));
}

TEST_F(NetdPoolTest, NothingIsLeftAfterACleanEndWithoutVms) {
  ASSERT_OK(Attach("first"));
  ASSERT_TRUE(Eventually(IsFull));
  ASSERT_OK(Client().Delete("first"));
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before_);
}

TEST_F(NetdPoolTest, SparesOfAKilledNetdGoAndNewOnesCome) {
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint endpoint, Attach("first"));
  ASSERT_TRUE(Eventually(IsFull));
  const std::vector<std::string> old = Spares();
  End(SIGKILL);
  Start();
  EXPECT_TRUE(Eventually([&] { return IsFull() && Spares() != old; }));
  ASSERT_OK(Client().Delete("first"));
  End(SIGKILL);
  Start();
  EXPECT_THAT(Spares(), IsEmpty());
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before_);
}

TEST_F(NetdPoolTest, AWhileAfterTheLastVmTheHostIsAsBefore) {
  ASSERT_OK(Attach("first"));
  ASSERT_TRUE(Eventually(IsFull));
  ASSERT_OK(Client().Delete("first"));
  EXPECT_TRUE(Eventually([&] { return HostNetwork() == before_; }, std::chrono::seconds(90)));
  ASSERT_OK(Attach("again"));
}

TEST_F(NetdPoolTest, ManyAtOnceEachHaveTheirOwn) {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([this, caller] {
      for (int i = caller; i < 60; i += 4) EXPECT_OK(Attach(absl::StrCat("vm-", i)));
    });
  for (std::thread& caller : callers) caller.join();
  ASSERT_OK_AND_ASSIGN(const auto endpoints, Client().List());
  std::set<std::string> taps;
  for (const v1::Endpoint& endpoint : endpoints) taps.insert(endpoint.tap());
  EXPECT_EQ(taps.size(), 60u);
  for (const v1::Endpoint& endpoint : endpoints) EXPECT_OK(Client().Delete(endpoint.name().substr(10)));
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before_);
}

}  // namespace
}  // namespace banger::netd
