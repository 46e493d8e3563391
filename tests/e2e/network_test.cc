// What real guests reach, and who reaches them: a host with an uplink to an
// internet of its own.
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/internet.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kWeb[] = "192.0.2.10";
constexpr char kWebPort[] = "28080";
constexpr char kNameServer[] = "192.0.2.53";
const Internet::Options kInternet = {
    .host = "198.51.100.2/24", .router = "198.51.100.1/24", .web = kWeb, .name_server = kNameServer};

class NetworkTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() {
    StartInstance({.config = absl::StrCat("[network]\nupstream_dns = [\"", kNameServer, "\"]\n")});
  }
  void SetUp() override {
    ASSERT_NE(instance_, nullptr);
    before_ = instance_->Snapshot();
  }
  void TearDown() override {
    Run({"vm", "delete", "--force", "a", "b"});
    EXPECT_EQ(Changes(before_, instance_->Snapshot()), "");
  }

  static bool ReachesWeb(const std::string& vm) { return GotHello(Exec(vm, AskWeb(kWeb))); }
  static bool Pings(const std::string& vm, const std::string& address) {
    return absl::StrContains(Exec(vm, absl::StrCat("busybox ping -c 1 -W 3 ", address)),
                             "1 packets received");
  }
  static std::string AddressOf(const std::string& vm) {
    return Exec(
        vm, "busybox ip -4 -o addr show dev eth0 | busybox awk '{split($4, a, \"/\"); printf \"%s\", a[1]}'");
  }
  static std::string Curl(const std::string& url) {
    const auto result = RunCommand({.argv = {"curl", "-s", "-m", "20", url}});
    return result.ok() ? result->out : "";
  }

  HostSnapshot before_;
};

TEST_F(NetworkTest, GuestsReachWhatTheirPolicyAllows) {
  const Internet internet(kInternet);
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "a", "--image", "mini", "--nat"}));
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "b", "--image", "mini"}));
  EXPECT_TRUE(ReachesWeb("a"));
  EXPECT_FALSE(ReachesWeb("b"));
  EXPECT_TRUE(Succeeds({"vm", "set", "--nat", "b"}));
  EXPECT_TRUE(ReachesWeb("b"));
  EXPECT_TRUE(Succeeds({"vm", "set", "--egress", "allow=10.0.0.0/8", "b"}));
  EXPECT_FALSE(ReachesWeb("b"));
  EXPECT_TRUE(Succeeds({"vm", "set", "--egress", "allow=192.0.2.0/24", "b"}));
  EXPECT_TRUE(ReachesWeb("b"));
  EXPECT_THAT(Run({"vm", "set", "--egress", "allow=192.0.2.1/24", "b"}).err, HasSubstr("did you mean"));

  const std::string other = AddressOf("b");
  ASSERT_THAT(other, HasSubstr("172.30.0."));
  EXPECT_FALSE(Pings("a", other));
  EXPECT_TRUE(Succeeds({"vm", "set", "--allow-vm", "b", "a"}));
  EXPECT_TRUE(Eventually([&] { return Pings("a", other); }));
  EXPECT_THAT(Run({"vm", "show", "a"}).out, HasSubstr("\"vms/b\""));
  EXPECT_TRUE(Succeeds({"vm", "set", "--no-nat", "--disallow-vm", "b", "a"}));
  EXPECT_FALSE(Pings("a", other));
  EXPECT_FALSE(ReachesWeb("a"));
}

TEST_F(NetworkTest, GuestsReachTheNamesOfTheirPolicyAndAskForNoOthers) {
  const Internet internet(kInternet);
  ASSERT_TRUE(
      Succeeds({"vm", "create", "--name", "a", "--image", "mini", "--egress", "allow=web.test,10.0.0.0/8"}));
  EXPECT_FALSE(ReachesWeb("a"));
  EXPECT_THAT(Exec("a", "nslookup secret.tunnel.test"), HasSubstr("REFUSED"));
  EXPECT_THAT(Exec("a", "nslookup web.test"), HasSubstr(kWeb));
  EXPECT_TRUE(ReachesWeb("a"));
  instance_->CrashDaemon("netd");
  ASSERT_OK(instance_->StartDaemon("netd"));
  EXPECT_TRUE(ReachesWeb("a"));
  EXPECT_TRUE(Succeeds({"vm", "set", "--egress", "none", "a"}));
  EXPECT_FALSE(ReachesWeb("a"));
  EXPECT_THAT(Exec("a", "nslookup web.test"), HasSubstr("REFUSED"));
  EXPECT_THAT(internet.Queries(), AllOf(HasSubstr("web.test"), Not(HasSubstr("tunnel"))));
}

TEST_F(NetworkTest, PoliciesComeBackAfterNetdHasLostItsLedger) {
  const Internet internet(kInternet);
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "a", "--image", "mini", "--nat"}));
  ASSERT_TRUE(ReachesWeb("a"));
  instance_->CrashDaemon("netd");
  for (const auto& row : std::filesystem::directory_iterator(instance_->root() / "netd" / "endpoints"))
    ASSERT_OK(WriteFileAtomically(row.path(), "{torn"));
  ASSERT_OK(instance_->StartDaemon("netd"));
  EXPECT_TRUE(Eventually([] { return ReachesWeb("a"); }, std::chrono::seconds(60)));
  EXPECT_THAT(Exec("a", "busybox nslookup a.vm"), HasSubstr(AddressOf("a")));
}

TEST_F(NetworkTest, SystemNetworkShowsWhatThereIs) {
  const Internet internet(kInternet);
  ASSERT_TRUE(Succeeds({"vm", "create", "--name", "a", "--image", "mini", "--nat", "--publish",
                        absl::StrCat(kWebPort, ":80")}));
  const CommandResult shown = Run({"system", "network"});
  EXPECT_EQ(shown.status.code, 0) << shown.err;
  for (const char* part :
       {"br-banger, up, 172.30.0.1/24", "Way out:     up0", "up0, for VMs", "Rules:       in place\n",
        "172.30.0.1:53 for VMs", "bgr-ac1e00", "127.0.0.1:28080->80"})
    EXPECT_THAT(shown.out, HasSubstr(part));
  EXPECT_OK(RunCommandOk({.argv = {"nft", "flush", "ruleset"}}));
  EXPECT_TRUE(Eventually([] {
    return absl::StrContains(Run({"system", "network", "--format", "json"}).out, "\"repair_count\": \"1\"");
  }));
  EXPECT_THAT(Run({"system", "network"}).out, HasSubstr("in place; put back 1 time, last "));
  instance_->CrashDaemon("netd");
  const CommandResult away = Run({"system", "network"});
  EXPECT_EQ(away.status.code, 4);
  EXPECT_THAT(away.err, HasSubstr("show the network: netd "));
  EXPECT_THAT(away.err, HasSubstr("DAEMON_UNAVAILABLE"));
  ASSERT_OK(instance_->StartDaemon("netd"));
}

TEST_F(NetworkTest, PublishedPortsLeadToTheGuestsLoopbackAndSurviveAStop) {
  const auto serve = [] {
    return Exec("a",
                "mkdir -p /tmp/www; echo hi > /tmp/www/index.html; "
                "busybox httpd -p 127.0.0.1:80 -h /tmp/www");
  };
  const std::string url = absl::StrCat("http://127.0.0.1:", kWebPort, "/");
  ASSERT_TRUE(Succeeds(
      {"vm", "create", "--name", "a", "--image", "mini", "--publish", absl::StrCat(kWebPort, ":80")}));
  EXPECT_EQ(serve(), "");
  EXPECT_EQ(Curl(url), "hi\n");
  const CommandResult taken = Run(
      {"vm", "create", "--name", "b", "--image", "mini", "-p", absl::StrCat("0.0.0.0:", kWebPort, ":80")});
  EXPECT_EQ(taken.status.code, 1);
  EXPECT_THAT(taken.err, HasSubstr("VM 'a'"));

  ASSERT_TRUE(Succeeds({"vm", "stop", "a"}));
  EXPECT_EQ(Curl(url), "");
  ASSERT_TRUE(Succeeds({"vm", "start", "a"}));
  EXPECT_EQ(serve(), "");
  EXPECT_EQ(Curl(url), "hi\n");
  instance_->CrashDaemon("vmd");
  ASSERT_OK(instance_->StartDaemon("vmd"));
  EXPECT_TRUE(Eventually([&] { return Curl(url) == "hi\n"; }));
  ASSERT_TRUE(Succeeds({"vm", "port", "rm", "a", kWebPort}));
  EXPECT_EQ(Curl(url), "");
}

}  // namespace
}  // namespace banger::e2e
