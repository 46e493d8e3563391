// banger-netd as a process of its own, in a network of its own.
#include <netinet/in.h>
#include <sys/socket.h>

#include <filesystem>
#include <iterator>
#include <map>
#include <set>
#include <thread>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "banger/system/v1/metrics_service.grpc.pb.h"
#include "common/os/file.h"
#include "common/rpc/channel.h"
#include "common/rpc/error_mapping.h"
#include "common/status/error.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/netd/testing/daemon_fixture.h"
#include "services/netd/testing/guest_end.h"

namespace banger::netd {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

constexpr uid_t kStranger = 5555;

class NetdDaemonTest : public DaemonFixture {
 protected:
  // Nothing comes and goes by itself while the host is looked at.
  std::string Config() override { return "[network]\ntap_pool_size = 0\n"; }
};

std::vector<pid_t> Children(pid_t parent) {
  const absl::StatusOr<std::string> listed =
      ReadFile(absl::StrCat("/proc/", parent, "/task/", parent, "/children"));
  EXPECT_OK(listed);
  std::vector<pid_t> children;
  for (const std::string& word :
       std::vector<std::string>(absl::StrSplit(listed.value_or(""), ' ', absl::SkipWhitespace())))
    children.push_back(std::stoi(word));
  return children;
}

TEST_F(NetdDaemonTest, AGuestReachesTheHostAndNothingIsLeftAfterwards) {
  NetdClient client = Client();
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint endpoint, client.Create("vm-1"));
  ASSERT_OK(client.Attach("vm-1"));
  {
    ASSERT_OK_AND_ASSIGN(const GuestEnd guest, client.Open(endpoint));
    EXPECT_THAT(guest.ResolveByArp("172.30.0.1"), IsOkAndHolds("52:b4:ac:1e:00:01"));
    EXPECT_OK(guest.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
  }
  ASSERT_OK(client.Delete("vm-1"));
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before_);
  EXPECT_FALSE(std::filesystem::exists(directory() / "tap.sock"));
  EXPECT_FALSE(std::filesystem::exists(directory() / "netd.sock"));
}

TEST_F(NetdDaemonTest, AConfinedNetdStillKnowsWhatItUses) {
  rpc::ClientCall call("", std::chrono::seconds(20));
  system::v1::GetMetricsResponse response;
  ASSERT_OK(rpc::FromGrpc(system::v1::MetricsService::NewStub(rpc::ConnectDaemon(directory() / "netd.sock"))
                              ->GetMetrics(call.context(), {}, &response)));
  std::map<std::string, double> values;
  for (const auto& family : response.families())
    if (family.metrics_size() == 1) values[family.name()] = family.metrics(0).value();
  const auto process = std::filesystem::path("/proc") / absl::StrCat(daemon_->pid());
  const auto entries = [&process](const char* directory) {
    return std::distance(std::filesystem::directory_iterator(process / directory), {});
  };
  // Not /proc itself, which it cannot open any more.
  EXPECT_NEAR(values.at("process_threads"), static_cast<double>(entries("task")), 3);
  EXPECT_NEAR(values.at("process_open_fds"), static_cast<double>(entries("fd")), 2);
  EXPECT_GT(values.at("process_resident_memory_bytes"), 1 << 20);
  EXPECT_GT(values.at("process_start_time_seconds"), 0);
  EXPECT_TRUE(values.contains("process_cpu_seconds_total"));
}

TEST_F(NetdDaemonTest, ARunningGuestOutlivesAKilledNetdAndIsAdopted) {
  NetdClient client = Client();
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint endpoint, client.Create("vm-1"));
  ASSERT_OK(client.Attach("vm-1"));
  ASSERT_OK_AND_ASSIGN(const GuestEnd guest, client.Open(endpoint));
  const std::string running = HostNetwork();

  EXPECT_EQ(End(SIGKILL).signal, SIGKILL);
  EXPECT_EQ(HostNetwork(), running);
  EXPECT_OK(guest.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
  Start();
  EXPECT_EQ(HostNetwork(), running);
  EXPECT_OK(guest.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));

  NetdClient later = Client();
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint same, later.Create("vm-1"));
  EXPECT_EQ(same.tap(), "bgr-ac1e0002");
  EXPECT_EQ(later.Create("vm-2")->address(), "172.30.0.3");
  ASSERT_OK(later.Delete("vm-1"));
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before_);
}

TEST_F(NetdDaemonTest, ALostLedgerCostsOnlyWhatNobodyUses) {
  NetdClient client = Client();
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint used, client.Create("used"));
  ASSERT_OK(client.Create("idle"));
  ASSERT_OK(client.Attach("used"));
  ASSERT_OK(client.Attach("idle"));
  ASSERT_OK_AND_ASSIGN(const GuestEnd guest, client.Open(used));
  End(SIGKILL);
  for (const char* row : {"used", "idle"})
    ASSERT_OK(WriteFileAtomically(directory() / "endpoints" / absl::StrCat(row, ".json"), "{torn"));
  Start();
  EXPECT_OK(guest.Ping("172.30.0.1", "52:b4:ac:1e:00:01"));
  ASSERT_OK_AND_ASSIGN(const auto endpoints, Client().List());
  ASSERT_THAT(endpoints, SizeIs(1));
  EXPECT_EQ(endpoints[0].name(), "endpoints/used");
  EXPECT_EQ(endpoints[0].owner_uid(), kClient);
  EXPECT_THAT(Ip("link show type tun"), Not(HasSubstr("bgr-ac1e0003")));
}

TEST_F(NetdDaemonTest, ALedgerFromBeforeARebootDoesNoHarm) {
  ASSERT_OK(Client().Create("vm-1"));
  ASSERT_OK(Client().Attach("vm-1"));
  End(SIGKILL);
  Ip("link del bgr-ac1e0002");
  Ip("link del br-banger");
  Start();
  EXPECT_EQ(HostNetwork(), before_);
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint endpoint, Client().Create("vm-1"));
  EXPECT_EQ(endpoint.tap(), "");
  EXPECT_OK(Client().Attach("vm-1"));
}

TEST_F(NetdDaemonTest, NamesFollowTheTapsAndOutliveAKilledNetd) {
  Ip("link set lo up");
  const auto ask = [](const std::string& name) {
    const auto result =
        RunCommand({.argv = {"dig", "@127.0.0.1", "-p", "42069", "+short", "+tries=2", "+time=5", name}});
    return result.ok() ? result->out : result.status().ToString();
  };
  ASSERT_OK(Client().Create("vm-1", "web"));
  EXPECT_EQ(ask("web.vm"), "");
  ASSERT_OK_AND_ASSIGN(const v1::Endpoint endpoint, Client().Attach("vm-1"));
  EXPECT_EQ(endpoint.hostname(), "web");
  EXPECT_EQ(ask("web.vm"), "172.30.0.2\n");
  EXPECT_EQ(End(SIGKILL).signal, SIGKILL);
  Start();
  EXPECT_EQ(ask("web.vm"), "172.30.0.2\n");
  ASSERT_OK(Client().Detach("vm-1"));
  EXPECT_EQ(ask("web.vm"), "");
  ASSERT_OK(Client().Attach("vm-1"));
  ASSERT_OK(Client().Delete("vm-1"));
  EXPECT_EQ(ask("web.vm"), "");
  EXPECT_EQ(End(SIGTERM).code, 0);
}

TEST_F(NetdDaemonTest, ATakenPortIsToldAndKeepsNobodyFromRunning) {
  EXPECT_EQ(End(SIGTERM).code, 0);
  const UniqueFd taken(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_in port{};
  port.sin_family = AF_INET;
  port.sin_port = htons(53);
  ASSERT_EQ(::bind(taken.get(), reinterpret_cast<const sockaddr*>(&port), sizeof port), 0);
  Start();
  ASSERT_OK_AND_ASSIGN(const v1::Network network, Client().GetNetwork());
  const v1::Dns& dns = network.dns();
  EXPECT_EQ(dns.guest_server(), "");
  EXPECT_EQ(dns.host_listen(), "127.0.0.1:42069");
  ASSERT_EQ(dns.warnings_size(), 1);
  EXPECT_THAT(dns.warnings(0), HasSubstr("172.30.0.1:53/udp: Address already in use"));
  ASSERT_OK(Client().Create("vm-1", "web"));
  EXPECT_OK(Client().Attach("vm-1"));
  ASSERT_OK(Client().Delete("vm-1"));
}

TEST_F(NetdDaemonTest, StrangersAreRefusedAtBothSockets) {
  ASSERT_OK(Client().Create("vm-1"));
  ASSERT_OK(Client().Attach("vm-1"));
  NetdClient stranger = Client(kStranger);
  EXPECT_THAT(stranger.List(), Not(IsOk()));
  EXPECT_THAT(stranger.Create("vm-2"), Not(IsOk()));
  EXPECT_THAT(stranger.OpenDescriptor("vm-1"), Not(IsOk()));
  EXPECT_THAT(Client().List(), IsOkAndHolds(SizeIs(1)));
}

TEST_F(NetdDaemonTest, TheClientCannotTouchWhatIsRootsButRootCan) {
  ASSERT_OK(Client(0).Create("roots"));
  ASSERT_OK(Client(0).Attach("roots"));
  ASSERT_OK(Client().Create("clients"));
  ASSERT_OK(Client().Attach("clients"));
  EXPECT_THAT(Client().List(), IsOkAndHolds(SizeIs(1)));
  EXPECT_THAT(Client(0).List(), IsOkAndHolds(SizeIs(2)));
  EXPECT_EQ(ErrorReason(Client().Create("roots").status()), "ENDPOINT_OF_ANOTHER_USER");
  EXPECT_EQ(ErrorReason(Client().Delete("roots")), "ENDPOINT_OF_ANOTHER_USER");
  EXPECT_THAT(Client().OpenDescriptor("roots"), Not(IsOk()));
  EXPECT_OK(Client(0).OpenDescriptor("clients"));
  EXPECT_THAT(Ip("-d link show bgr-ac1e0003"), HasSubstr(absl::StrCat("user ", kClient)));
}

TEST_F(NetdDaemonTest, NoThreadHasMoreRightsThanNetAdmin) {
  ASSERT_OK(Client().Create("vm-1"));
  int threads = 0;
  for (const auto& task :
       std::filesystem::directory_iterator(absl::StrCat("/proc/", daemon_->pid(), "/task"))) {
    ASSERT_OK_AND_ASSIGN(const std::string status, ReadFile(task.path() / "status"));
    EXPECT_THAT(status, AllOf(HasSubstr("CapPrm:\t0000000000001000"), HasSubstr("CapEff:\t0000000000001000"),
                              HasSubstr("CapBnd:\t0000000000000000"), HasSubstr("CapInh:\t0000000000000000"),
                              HasSubstr("CapAmb:\t0000000000000000"), HasSubstr("NoNewPrivs:\t1"),
                              HasSubstr("Seccomp:\t2")));
    ++threads;
  }
  EXPECT_GT(threads, 1);
}

TEST_F(NetdDaemonTest, ItsHelpersHaveLessAndEndWithIt) {
  std::map<std::string, pid_t> helpers;
  for (const pid_t pid : Children(daemon_->pid())) {
    ASSERT_OK_AND_ASSIGN(const std::string status, ReadFile(absl::StrCat("/proc/", pid, "/status")));
    EXPECT_THAT(status, AllOf(HasSubstr("NoNewPrivs:\t1"), HasSubstr("Seccomp:\t2")));
    const std::string name = status.substr(6, status.find('\n') - 6);
    helpers[name] = pid;
    EXPECT_THAT(status,
                HasSubstr(absl::StrCat("CapEff:\t000000000000", name == "netd-nft" ? "1" : "0", "000")));
  }
  EXPECT_THAT(helpers,
              ::testing::UnorderedElementsAre(::testing::Key("netd-nft"), ::testing::Key("netd-resolv")));
  EXPECT_EQ(End(SIGKILL).signal, SIGKILL);
  // A dead one that nobody has buried yet has no program.
  for (const auto& [name, pid] : helpers)
    EXPECT_TRUE(Eventually([pid = pid] {
      return !std::filesystem::exists(absl::StrCat("/proc/", pid, "/exe"));
    })) << name;
}

TEST_F(NetdDaemonTest, WithoutItsHelperItEndsAndTheNextOneGoesOn) {
  ASSERT_OK(Client().Create("vm-1"));
  ASSERT_OK(Client().Attach("vm-1"));
  for (const pid_t pid : Children(daemon_->pid())) ASSERT_EQ(::kill(pid, SIGKILL), 0);
  Client().Create("vm-2").IgnoreError();
  Client().Attach("vm-2").IgnoreError();
  ASSERT_OK_AND_ASSIGN(const ExitStatus ended, daemon_->Wait());
  EXPECT_EQ(ended.code, 1);
  Start();
  ASSERT_OK(Client().Attach("vm-1"));
  EXPECT_OK(Client().Attach("vm-2"));
}

TEST_F(NetdDaemonTest, AHundredEndpointsAtOnce) {
  std::vector<std::thread> callers;
  for (int caller = 0; caller < 4; ++caller)
    callers.emplace_back([this, caller] {
      NetdClient client = Client();
      for (int i = caller; i < 100; i += 4) {
        EXPECT_OK(client.Create(absl::StrCat("vm-", i)));
        EXPECT_OK(client.Attach(absl::StrCat("vm-", i)));
        EXPECT_OK(client.OpenDescriptor(absl::StrCat("vm-", i)));
      }
    });
  for (std::thread& caller : callers) caller.join();
  ASSERT_OK_AND_ASSIGN(const auto endpoints, Client().List());
  std::set<std::string> taps;
  for (const v1::Endpoint& endpoint : endpoints) taps.insert(endpoint.tap());
  EXPECT_THAT(taps, SizeIs(100));
  NetdClient client = Client();
  for (const v1::Endpoint& endpoint : endpoints) EXPECT_OK(client.Delete(endpoint.name().substr(10)));
  EXPECT_EQ(End(SIGTERM).code, 0);
  EXPECT_EQ(HostNetwork(), before_);
}

}  // namespace
}  // namespace banger::netd
