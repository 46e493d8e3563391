// [network] ipv6 with real guests: two that may reach each other, a stranger, and an
// internet that has IPv6 only.
#include <sys/stat.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "common/testing/eventually.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPrefix[] = "fd00:1:2:";
constexpr char kWeb[] = "2001:db8:2::10";

class Ipv6Test : public ::testing::Test {
 protected:
  void SetUp() override {
    auto instance = Instance::Start(
        {.config = absl::StrCat("[network]\nipv6 = true\nipv6_prefix = \"", kPrefix, ":/64\"\n")});
    ASSERT_OK(instance);
    instance_.emplace(*std::move(instance));
    ASSERT_OK(instance_->ImportKernel());
    ASSERT_OK(instance_->WarmUp());
    ASSERT_NO_FATAL_FAILURE(MakeInternet());
    before_ = instance_->Snapshot();
  }
  void TearDown() override {
    if (!instance_.has_value()) return;
    Run({"vm", "delete", "--force", "a", "b", "c"});
    EXPECT_EQ(Changes(before_, instance_->Snapshot()), "");
  }

  // A namespace with a web server, by our default route.
  void MakeInternet() {
    std::ofstream(dir_.path() / "index.html") << "hello\n";
    ::chmod(dir_.path().c_str(), 0755);
    auto holder = Subprocess::Start({.argv = {"unshare", "-n", "sleep", "3000"}});
    ASSERT_OK(holder);
    holder_.emplace(*std::move(holder));
    // unshare has done its part when it has become sleep.
    ASSERT_TRUE(Eventually([this] {
      const auto found = RunCommand({.argv = {"readlink", absl::StrCat("/proc/", holder_->pid(), "/exe")}});
      return found.ok() && absl::StrContains(found->out, "sleep");
    }));
    for (const std::string& line :
         {std::string("ip link add up0 type veth peer name eth0"),
          absl::StrCat("ip link set eth0 netns ", holder_->pid()),
          std::string("ip addr add 2001:db8:51::2/64 dev up0 nodad"), std::string("ip link set up0 up"),
          Inside("ip addr add 2001:db8:51::1/64 dev eth0 nodad"), Inside("ip link set eth0 up"),
          Inside("ip link set lo up"), Inside(absl::StrCat("ip addr add ", kWeb, "/128 dev lo")),
          std::string("ip route add default via 2001:db8:51::1")})
      ASSERT_OK(RunCommandOk({.argv = absl::StrSplit(line, ' ')}));
    auto server = Subprocess::Start(
        {.argv =
             absl::StrSplit(Inside(absl::StrCat("busybox httpd -f -p 80 -h ", dir_.path().string())), ' ')});
    ASSERT_OK(server);
    server_.emplace(*std::move(server));
  }
  std::string Inside(const std::string& line) const {
    return absl::StrCat("nsenter -t ", holder_->pid(), " -n ", line);
  }

  CommandResult Run(std::vector<std::string> arguments) { return instance_->Banger(std::move(arguments)); }
  bool Succeeds(std::vector<std::string> arguments) {
    const CommandResult result = Run(std::move(arguments));
    if (!result.status.success()) ADD_FAILURE() << result.err;
    return result.status.success();
  }
  std::string Exec(const std::string& vm, const std::string& script) {
    const CommandResult result = Run({"vm", "exec", vm, "--", "sh", "-c", script});
    return result.out + result.err;
  }
  bool ReachesWeb(const std::string& vm) {
    const std::string get = R"(printf 'GET / HTTP/1.0\r\n\r\n' | busybox nc -w 5 )";
    return absl::StrContains(Exec(vm, absl::StrCat(get, kWeb, " 80 2>/dev/null")), "\nhello\n");
  }
  bool Pings(const std::string& vm, const std::string& address) {
    return absl::StrContains(Exec(vm, absl::StrCat("busybox ping6 -c 1 -W 3 ", address)),
                             "1 packets received");
  }
  // As the guest has it.
  std::string AddressOf(const std::string& vm) {
    return Exec(vm,
                "busybox ip -6 -o addr show dev eth0 scope global | "
                "busybox awk '{split($4, a, \"/\"); printf \"%s\", a[1]}'");
  }

  TempDir dir_ = *TempDir::Create();
  std::optional<Instance> instance_;
  std::optional<Subprocess> holder_, server_;
  HostSnapshot before_;
};

TEST_F(Ipv6Test, GuestsHaveItAndReachByItWhomTheyMay) {
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
  EXPECT_THAT(Exec("a", "busybox cat /proc/sys/net/ipv6/conf/eth0/accept_ra"), HasSubstr("0"));
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
