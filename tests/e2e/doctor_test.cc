// The doctor before a banger that runs: what is well is said to be so, from end to end,
// and what is then broken is found.
#include <unistd.h>

#include <map>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "common/os/file.h"
#include "common/testing/status_matchers.h"
#include "tests/e2e/internet.h"
#include "tests/e2e/shared_instance.h"

namespace banger::e2e {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

constexpr char kNameServer[] = "192.0.2.53";
const Internet::Options kInternet = {
    .host = "198.51.100.2/24", .router = "198.51.100.1/24", .web = "192.0.2.10", .name_server = kNameServer};

class DoctorTest : public SharedInstanceTest {
 protected:
  static void SetUpTestSuite() {
    if (::geteuid() == 0)
      StartInstance({.config = absl::StrCat("[network]\ndns_listen = \"127.0.0.1:53\"\nupstream_dns = [\"",
                                            kNameServer, "\"]\n")});
  }
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "needs netd, which needs root";
    ASSERT_NE(instance_, nullptr);
    ASSERT_TRUE(Succeeds({"vm", "create", "--name", "a", "--image", "mini", "--nat"}));
    // What a resolver that sends .vm to netd comes to.
    ASSERT_OK(WriteFileAtomically(directory_.path() / "resolv.conf", "nameserver 127.0.0.1\n", 0644));
    ASSERT_OK(WriteFileAtomically(directory_.path() / "nsswitch.conf", "hosts: files dns\n", 0644));
  }
  void TearDown() override {
    if (instance_ != nullptr) Run({"vm", "delete", "--force", "a"});
  }

  // "PASS detail" of each check.
  std::map<std::string, std::string> Findings(int exit_code) const {
    const std::string script =
        absl::StrCat("mount --bind ", (directory_.path() / "resolv.conf").string(),
                     " /etc/resolv.conf && mount --bind ", (directory_.path() / "nsswitch.conf").string(),
                     " /etc/nsswitch.conf && exec \"$0\" doctor --format json");
    const auto result =
        RunCommand({.argv = {"unshare", "--mount", "sh", "-c", script, BuildProgram("banger")},
                    .env = std::vector<std::string>{absl::StrCat("BANGER_ROOT=", instance_->root().string()),
                                                    "PATH=/usr/sbin:/usr/bin:/sbin:/bin"}});
    EXPECT_OK(result);
    if (!result.ok()) return {};
    EXPECT_EQ(result->status.code, exit_code) << result->out << result->err;
    std::map<std::string, std::string> findings;
    const nlohmann::json report = nlohmann::json::parse(result->out);
    for (const auto& found : report.at("checks"))
      findings[found.at("check")] =
          absl::StrCat(found.at("verdict").get<std::string>(), " ", found.at("detail").get<std::string>());
    return findings;
  }

  const TempDir directory_ = *TempDir::Create();
};

TEST_F(DoctorTest, WhatIsWellIsSaidToBeSoAndWhatIsBrokenIsFound) {
  const Internet internet(kInternet);
  std::map<std::string, std::string> well = Findings(0);
  for (const char* check : {"config", "qemu", "store", "socket", "daemon gateway", "daemon imaged",
                            "daemon kerneld", "daemon netd", "daemon vmd", "kernel", "subnet", "bridge",
                            "network", "rules", "nat", "nat way", "dns", "names"})
    EXPECT_THAT(well[check], StartsWith("PASS ")) << check;
  EXPECT_THAT(well["nat way"], HasSubstr("'a' reaches the host's router, 198.51.100.1"));
  EXPECT_THAT(well["names"], HasSubstr("find 1 VM by name"));
  EXPECT_THAT(well["bridge"], HasSubstr("is netd's"));
  EXPECT_EQ(Run({"doctor"}).status.code, 0);

  // Somebody's firewall drops what is forwarded.
  ASSERT_OK(RunCommandOk({.argv = {"nft",
                                   "add table inet other; "
                                   "add chain inet other f { type filter hook forward priority -300; }; "
                                   "add rule inet other f ip saddr 172.30.0.0/24 drop"}}));
  EXPECT_THAT(Findings(1)["nat way"],
              StartsWith("FAIL the host reaches its router, 198.51.100.1, but 'a' does not"));
  ASSERT_OK(RunCommandOk({.argv = {"nft", "delete table inet other"}}));

  instance_->CrashDaemon("netd");
  std::map<std::string, std::string> without = Findings(0);
  EXPECT_THAT(without["daemon netd"], StartsWith("WARN does not answer"));
  EXPECT_THAT(without["network"], StartsWith("WARN "));
  ASSERT_OK(instance_->StartDaemon("netd"));

  instance_->CrashDaemon("vmd");
  without = Findings(1);
  EXPECT_THAT(without["daemon vmd"], StartsWith("FAIL does not answer"));
  EXPECT_THAT(without["store"], StartsWith("PASS "));
  ASSERT_OK(instance_->StartDaemon("vmd"));
}

}  // namespace
}  // namespace banger::e2e
