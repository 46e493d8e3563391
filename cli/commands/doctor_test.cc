// `banger doctor` on this very host, before a fake gateway.
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "cli/errors.h"
#include "cli/testing/cli_fixture.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::HasSubstr;

class DoctorTest : public CliTest {
 protected:
  // "FAIL detail -> repair" of that check.
  std::string Says(const std::string& check) const {
    const nlohmann::json report = nlohmann::json::parse(Run({"doctor", "--format", "json"}).out);
    for (const nlohmann::json& found : report.at("checks"))
      if (found.at("check") == check)
        return absl::StrCat(found.at("verdict").get<std::string>(), " ",
                            found.at("detail").get<std::string>(), " -> ",
                            found.at("repair").get<std::string>());
    return "nothing";
  }
  static std::string VerdictOf(const nlohmann::json& report, const std::string& check) {
    for (const nlohmann::json& found : report.at("checks"))
      if (found.at("check") == check) return found.at("verdict");
    return "(none)";
  }
};

TEST_F(DoctorTest, EachCheckIsReportedWithWhatRepairsIt) {
  system::v1::Daemon& vmd = *state_.daemons.add_daemons();
  vmd.set_name("daemons/vmd");
  vmd.set_error("no socket");
  const CommandResult result = Run({"doctor", "--format", "json"});
  EXPECT_EQ(result.status.code, 1) << result.err;
  const nlohmann::json report = nlohmann::json::parse(result.out);
  for (const char* check :
       {"config", "cpu",     "kvm",    "e2fsprogs", "state", "cache",   "clock", "store", "socket", "subnet",
        "bridge", "nat way", "kernel", "image",     "vms",   "network", "rules", "nat",   "dns",    "names"})
    EXPECT_NE(VerdictOf(report, check), "(none)") << check;
  EXPECT_EQ(VerdictOf(report, "daemon vmd"), "FAIL");
  EXPECT_EQ(VerdictOf(report, "kernel"), "FAIL");
  for (const nlohmann::json& found : report.at("checks"))
    EXPECT_EQ(found.at("verdict") == "PASS", found.at("repair") == "") << found.dump();
}

TEST_F(DoctorTest, LinesSayTheSame) {
  const CommandResult result = Run({"doctor"});
  EXPECT_THAT(result.out, HasSubstr("FAIL  kernel"));
  EXPECT_THAT(result.out, HasSubstr("-> banger kernel pull debian-6.1\n"));
}

// As before the first login after `banger system install`, where no restart helps.
TEST_F(DoctorTest, WhatIsForbiddenIsNotRepairedByARestart) {
  state_.Fail("ListDaemons", GatewayForbidden("not for you"));
  EXPECT_EQ(Says("daemons"),
            "FAIL not for you -> ask for membership of the group 'banger', then log in again");
  state_.Fail("ListDaemons", absl::UnavailableError("nobody listens"));
  EXPECT_EQ(Says("daemons"), "FAIL nobody listens -> sudo banger system restart");
}

TEST_F(DoctorTest, OnlyANetdThatIsNotThereMeansUserModeNetworks) {
  state_.Fail("GetNetwork", ApiError(absl::StatusCode::kUnavailable, "DAEMON_UNAVAILABLE", "no netd"));
  EXPECT_THAT(Says("network"), HasSubstr("WARN VMs have user-mode networks: no netd -> "));
  state_.Fail("GetNetwork", absl::InternalError("netlink: no answer"));
  EXPECT_EQ(Says("network"), "FAIL internal error: netlink: no answer -> journalctl -u 'banger-*'");
}

TEST_F(DoctorTest, WithoutDaemonsTheHostIsLookedAtAllTheSame) {
  const auto result =
      RunCommand({.argv = {BangerProgram(), "doctor"},
                  .env = std::vector<std::string>{"BANGER_ROOT=" + (directory_.path() / "none").string(),
                                                  "PATH=/usr/bin:/bin"}});
  ASSERT_OK(result);
  EXPECT_EQ(result->status.code, 1);
  EXPECT_THAT(result->out, HasSubstr("FAIL  daemons"));
  EXPECT_THAT(result->out, HasSubstr("  clock "));
}

}  // namespace
}  // namespace banger::cli
