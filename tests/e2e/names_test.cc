// VMs, host and the world beyond by name.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/harness.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;

class NamesTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs netd, which needs root";
    auto started = Instance::Start({.config = "[network]\nupstream_dns = [\"127.0.0.1:5300\"]\n"});
    ASSERT_OK(started);
    instance_.emplace(*std::move(started));
    ASSERT_OK(instance_->ImportKernel());
    // The world beyond: one name.
    upstream_.emplace(*Subprocess::Start(
        {.argv = {"dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null", "--user=root", "--group=root",
                  "--pid-file=", "--no-resolv", "--no-hosts", "--port=5300", "--listen-address=127.0.0.1",
                  "--bind-interfaces", "--address=/www.example.org/192.0.2.7"}}));
  }
  void TearDown() override {
    if (!instance_.has_value()) return;
    for (const char* vm : {"box", "peer"}) Run({"vm", "delete", "--force", vm});
    EXPECT_OK(upstream_->Signal(SIGKILL));
    EXPECT_OK(upstream_->Wait());
  }

  CommandResult Run(std::vector<std::string> arguments) const {
    return instance_->Banger(std::move(arguments));
  }
  std::string Exec(const std::string& vm, const std::string& script) const {
    const CommandResult result = Run({"vm", "exec", vm, "--", "sh", "-c", script});
    return result.out + result.err;
  }
  std::string AddressOf(const std::string& vm) const {
    return nlohmann::json::parse(Run({"vm", "show", vm}).out)["address"];
  }
  // As the host's programs get it: empty when there is none.
  static std::string Dig(const std::string& name) {
    const auto result =
        RunCommand({.argv = {"dig", "@127.0.0.1", "-p", "42069", "+short", "+tries=2", "+time=5", name}});
    return result.ok() ? result->out : result.status().ToString();
  }

  std::optional<Instance> instance_;
  std::optional<Subprocess> upstream_;
};

TEST_F(NamesTest, VmsAndHostKnowEachOtherByNameWhileTheyRun) {
  for (const char* vm : {"box", "peer"})
    ASSERT_EQ(Run({"vm", "create", "--name", vm, "--image", "mini"}).status.code, 0);
  const std::string box = AddressOf("box");
  const std::string peer = AddressOf("peer");
  EXPECT_EQ(Dig("peer.vm"), peer + "\n");
  EXPECT_EQ(Exec("box", "cat /etc/resolv.conf"), "# set by banger\nnameserver 172.30.0.1\n");
  EXPECT_THAT(Exec("box", "nslookup peer.vm"), HasSubstr(absl::StrCat("Address: ", peer)));
  EXPECT_THAT(Exec("peer", "nslookup " + box), HasSubstr("name = box.vm"));
  // Without NAT the world beyond is out of reach, its names too.
  EXPECT_THAT(Exec("box", "nslookup www.example.org"), HasSubstr("REFUSED"));

  instance_->CrashDaemon("netd");
  ASSERT_OK(instance_->StartDaemon("netd"));
  EXPECT_EQ(Dig("peer.vm"), peer + "\n");
  EXPECT_THAT(Exec("box", "nslookup peer.vm"), HasSubstr(absl::StrCat("Address: ", peer)));

  ASSERT_EQ(Run({"vm", "stop", "peer"}).status.code, 0);
  EXPECT_EQ(Dig("peer.vm"), "");
  EXPECT_THAT(Exec("box", "nslookup peer.vm"), HasSubstr("NXDOMAIN"));
  ASSERT_EQ(Run({"vm", "start", "peer"}).status.code, 0);
  EXPECT_EQ(Dig("peer.vm"), peer + "\n");
  ASSERT_EQ(Run({"vm", "delete", "--force", "peer"}).status.code, 0);
  EXPECT_EQ(Dig("peer.vm"), "");
}

}  // namespace
}  // namespace banger::e2e
