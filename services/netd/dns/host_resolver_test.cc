// Against a bus of our own, with a systemd-resolved that takes notes.
#include "services/netd/dns/host_resolver.h"

#include <gmock/gmock.h>
#include <systemd/sd-bus.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "common/os/file.h"
#include "common/os/subprocess.h"
#include "common/os/temp_dir.h"
#include "common/sync/mutex.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "services/netd/adapters/confinement.h"
#include "services/netd/adapters/helper_process.h"
#include "services/netd/testing/network_namespace.h"

namespace banger::netd::dns {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

// Owns org.freedesktop.resolve1 on the bus while it lives.
class FakeResolved {
 public:
  explicit FakeResolved(const std::string& address) {
    EXPECT_GE(::sd_bus_new(&bus_), 0);
    EXPECT_GE(::sd_bus_set_address(bus_, address.c_str()), 0);
    EXPECT_GE(::sd_bus_set_bus_client(bus_, 1), 0);
    EXPECT_GE(::sd_bus_start(bus_), 0);
    static const sd_bus_vtable kMethods[] = {
        SD_BUS_VTABLE_START(0),
        SD_BUS_METHOD("SetLinkDNS", "ia(iay)", "", OnDns, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetLinkDomains", "ia(sb)", "", OnDomains, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("SetLinkDefaultRoute", "ib", "", OnDefaultRoute, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_METHOD("RevertLink", "i", "", OnRevert, SD_BUS_VTABLE_UNPRIVILEGED),
        SD_BUS_VTABLE_END};
    EXPECT_GE(::sd_bus_add_object_vtable(bus_, nullptr, "/org/freedesktop/resolve1",
                                         "org.freedesktop.resolve1.Manager", kMethods, this),
              0);
    EXPECT_GE(::sd_bus_request_name(bus_, "org.freedesktop.resolve1", 0), 0);
    thread_ = std::thread([this] {
      while (!ended_) {
        if (::sd_bus_process(bus_, nullptr) == 0) ::sd_bus_wait(bus_, 20000);
      }
    });
  }
  ~FakeResolved() {
    ended_ = true;
    thread_.join();
    ::sd_bus_flush_close_unref(bus_);
  }

  // Waits for so many calls; what they were.
  std::vector<std::string> Calls(std::size_t count) {
    EXPECT_TRUE(Eventually([&] {
      const MutexLock lock(mutex_);
      return calls_.size() >= count;
    }));
    const MutexLock lock(mutex_);
    return calls_;
  }

 private:
  static int Note(void* self, sd_bus_message* message, const std::string& call) {
    auto* const fake = static_cast<FakeResolved*>(self);
    {
      const MutexLock lock(fake->mutex_);
      fake->calls_.push_back(call);
    }
    return ::sd_bus_reply_method_return(message, "");
  }
  static int OnDns(sd_bus_message* message, void* self, sd_bus_error*) {
    int link = 0;
    int family = 0;
    const void* bytes = nullptr;
    std::size_t size = 0;
    ::sd_bus_message_read(message, "i", &link);
    ::sd_bus_message_enter_container(message, 'a', "(iay)");
    ::sd_bus_message_enter_container(message, 'r', "iay");
    ::sd_bus_message_read(message, "i", &family);
    ::sd_bus_message_read_array(message, 'y', &bytes, &size);
    const auto* const octets = static_cast<const std::uint8_t*>(bytes);
    return Note(self, message,
                absl::StrCat("DNS ", link, " ", family, " ",
                             absl::StrJoin(std::vector<int>(octets, octets + size), ".")));
  }
  static int OnDomains(sd_bus_message* message, void* self, sd_bus_error*) {
    int link = 0;
    ::sd_bus_message_read(message, "i", &link);
    std::string call = absl::StrCat("domains ", link);
    ::sd_bus_message_enter_container(message, 'a', "(sb)");
    const char* domain = nullptr;
    int route_only = 0;
    while (::sd_bus_message_read(message, "(sb)", &domain, &route_only) > 0)
      absl::StrAppend(&call, route_only != 0 ? " ~" : " ", domain);
    return Note(self, message, call);
  }
  static int OnDefaultRoute(sd_bus_message* message, void* self, sd_bus_error*) {
    int link = 0;
    int is_default = 1;
    ::sd_bus_message_read(message, "ib", &link, &is_default);
    return Note(self, message, absl::StrCat("default route ", link, " ", is_default));
  }
  static int OnRevert(sd_bus_message* message, void* self, sd_bus_error*) {
    int link = 0;
    ::sd_bus_message_read(message, "i", &link);
    return Note(self, message, absl::StrCat("revert ", link));
  }

  sd_bus* bus_ = nullptr;
  std::atomic<bool> ended_{false};
  Mutex mutex_;
  std::vector<std::string> calls_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

class HostResolverTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (const std::string why = EnterNewNetworkNamespace(); !why.empty()) GTEST_SKIP() << why;
    const std::string socket = (directory_.path() / "bus").string();
    address_ = absl::StrCat("unix:path=", socket);
    ASSERT_OK(WriteFileAtomically(
        directory_.path() / "bus.conf",
        absl::StrCat(
            "<!DOCTYPE busconfig PUBLIC \"-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN\"\n"
            " \"http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd\">\n<busconfig><listen>",
            address_,
            "</listen><auth>EXTERNAL</auth><policy context=\"default\"><allow send_destination=\"*\"/>"
            "<allow receive_sender=\"*\"/><allow own=\"*\"/></policy></busconfig>")));
    bus_.emplace(*Subprocess::Start(
        {.argv = {"dbus-daemon", "--nofork",
                  absl::StrCat("--config-file=", directory_.path().string(), "/bus.conf")}}));
    ASSERT_TRUE(Eventually([&] { return std::filesystem::exists(socket); }));
  }

  void Start(int prefix = 24) {
    ASSERT_OK_AND_ASSIGN(resolver_,
                         HostResolver::Start({.subnet = *Subnet::Create(*Ipv4::Parse("172.30.0.1"), prefix),
                                              .bridge = "br-dns",
                                              .bus_address = address_}));
  }
  static int AddBridge() {
    Ip("link add br-dns type bridge");
    return nlohmann::json::parse(Ip("-j link show br-dns"))[0]["ifindex"];
  }
  static std::vector<std::string> Told(int link) {
    return {absl::StrCat("DNS ", link, " 2 172.30.0.1"),
            absl::StrCat("domains ", link, " ~vm ~0.30.172.in-addr.arpa"),
            absl::StrCat("default route ", link, " 0")};
  }

  TempDir directory_ = *TempDir::Create();
  std::string address_;
  std::optional<Subprocess> bus_;
  std::unique_ptr<HostResolver> resolver_;
};

TEST_F(HostResolverTest, TheBridgesLinkRoutesOurNamesUntilWeEnd) {
  FakeResolved resolved(address_);
  Start();
  const int link = AddBridge();
  EXPECT_EQ(resolved.Calls(3), Told(link));
  resolver_.reset();
  EXPECT_EQ(resolved.Calls(4).back(), absl::StrCat("revert ", link));
}

TEST_F(HostResolverTest, ReachesResolvedFromWithinNetdsConfinement) {
  FakeResolved resolved(address_);
  const int link = AddBridge();
  ASSERT_OK_AND_ASSIGN(
      const auto confined,
      HelperProcess::Start({.name = "confined",
                            .confine = [this] { return ConfineDaemon(directory_.path()).status(); },
                            .serve =
                                [this](const HelperProcess::Message& what) {
                                  if (what.front() == "start") Start();
                                  if (what.front() == "end") resolver_.reset();
                                  return what;
                                }}));
  ASSERT_OK(confined->Ask({"start"}));
  EXPECT_EQ(resolved.Calls(3), Told(link));
  ASSERT_OK(confined->Ask({"end"}));
  EXPECT_EQ(resolved.Calls(4).back(), absl::StrCat("revert ", link));
}

TEST_F(HostResolverTest, ABridgeThatWasThereAndANewOneAreToldToo) {
  const int first = AddBridge();
  FakeResolved resolved(address_);
  Start();
  EXPECT_EQ(resolved.Calls(3), Told(first));
  Ip("link del br-dns");
  const int second = AddBridge();
  std::vector<std::string> all = Told(first);
  for (const std::string& call : Told(second)) all.push_back(call);
  EXPECT_EQ(resolved.Calls(6), all);
}

TEST_F(HostResolverTest, AResolvedThatComesLaterOrStartsAgainIsTold) {
  const int link = AddBridge();
  Start();
  {
    FakeResolved resolved(address_);
    EXPECT_EQ(resolved.Calls(3), Told(link));
  }
  FakeResolved again(address_);
  EXPECT_EQ(again.Calls(3), Told(link));
}

TEST_F(HostResolverTest, WithoutABusItEndsAsIfNothingHadBeen) {
  ASSERT_OK(bus_->Signal(SIGKILL));
  ASSERT_OK(bus_->Wait());
  AddBridge();
  Start();
  resolver_.reset();
}

TEST_F(HostResolverTest, ANetworkOfOnesOwnIsNotTheHosts) { EXPECT_FALSE(IsNetworkOfInit()); }

// Run by the test below.
TEST(NetworkOfInitTest, DISABLED_Says) {
  std::printf("it is %s\n", IsNetworkOfInit() ? "init's" : "another");
}

// As netd's unit lets it do less than PID 1, whose namespaces it may not look at.
TEST(NetworkOfInitTest, IsKnownWithTheRightsThatNetdsUnitGives) {
  if (::geteuid() != 0) GTEST_SKIP() << "needs root";
  const auto result = RunCommand(
      {.argv = {
           "unshare", "--pid", "--fork", "--mount-proc", "sh", "-c",
           "as_netd() { \"$@\" setpriv --bounding-set=-all,+net_admin,+net_bind_service,+setpcap sh -c \""
           "readlink /proc/1/ns/net || echo denied; $0 --gtest_also_run_disabled_tests "
           "--gtest_filter=*DISABLED_Says\"; }\nas_netd env; as_netd unshare --net; exit 0",
           std::filesystem::read_symlink("/proc/self/exe")}});
  ASSERT_OK(result);
  EXPECT_THAT(result->out, ::testing::ContainsRegex("^denied\n.*it is init's\n.*\ndenied\n.*it is another\n"))
      << result->err;
}

TEST(RoutedDomainsTest, FollowThePrefix) {
  const auto domains = [](int prefix) {
    return RoutedDomains(*Subnet::Create(*Ipv4::Parse("172.30.1.1"), prefix));
  };
  EXPECT_THAT(domains(16), ElementsAre("vm", "30.172.in-addr.arpa"));
  EXPECT_THAT(domains(23), ElementsAre("vm", "0.30.172.in-addr.arpa", "1.30.172.in-addr.arpa"));
  EXPECT_THAT(domains(24), ElementsAre("vm", "1.30.172.in-addr.arpa"));
  EXPECT_THAT(domains(26), ElementsAre("vm"));
  const Subnet both =
      *Subnet::Create(*Ipv4::Parse("172.30.1.1"), 26)->WithIpv6(*Prefix::Parse("fd12:3456:789a::/64"));
  EXPECT_THAT(RoutedDomains(both), ElementsAre("vm", "0.0.0.0.a.9.8.7.6.5.4.3.2.1.d.f.ip6.arpa"));
}

}  // namespace
}  // namespace banger::netd::dns
