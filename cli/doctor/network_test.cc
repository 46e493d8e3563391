#include "cli/doctor/network.h"

#include "absl/strings/str_cat.h"
#include "cli/doctor/nat.h"
#include "cli/doctor/subnet.h"
#include "cli/doctor/testing/is.h"
#include "common/os/file.h"
#include "common/os/temp_dir.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using ::testing::Contains;

class DoctorNetworkTest : public ::testing::Test {
 protected:
  DoctorNetworkTest() {
    view_.mutable_network()->set_bridge("br-banger");
    view_.mutable_network()->set_gateway("172.30.0.1");
    view_.mutable_network()->set_prefix_length(24);
    view_.mutable_network()->add_uplinks("eth0");
    view_.mutable_network()->add_forwarding("eth0");
    view_.mutable_network()->mutable_dns()->set_guest_server("172.30.0.1");
    view_.mutable_health()->set_bridge_up(true);
    view_.mutable_health()->set_rules(network::v1::NetworkHealth::RULES_IN_PLACE);
    system::v1::NetworkEndpoint& web = *view_.add_endpoints();
    web.set_vm("vms/web");
    web.mutable_endpoint()->set_tap("bgr-1");
    web.mutable_endpoint()->set_address("172.30.0.2");
    web.mutable_endpoint()->mutable_policy()->set_nat(true);
  }
  // As Linux writes them: 198.51.100.1 by eth0, and what is connected to it.
  static constexpr char kRoutes[] =
      "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
      "eth0\t00000000\t016433C6\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
      "eth0\t006433C6\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n"
      "br-banger\t00001EAC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n";
  Finding Nat(int in_vm, int on_host) const {
    return CheckNat(
        view_, kRoutes,
        [&](const std::string& vm, const std::vector<std::string>& argv) -> absl::StatusOr<int> {
          EXPECT_EQ(vm, "web");
          EXPECT_EQ(argv.back(), "198.51.100.1");
          return in_vm;
        },
        [&](const std::vector<std::string>&) -> absl::StatusOr<int> { return on_host; });
  }

  system::v1::GetNetworkResponse view_;
};

TEST_F(DoctorNetworkTest, AllIsWell) {
  for (const Finding& finding : JudgeNetwork(view_))
    EXPECT_EQ(finding.verdict, Verdict::kPass) << finding.detail;
}

TEST_F(DoctorNetworkTest, WhatNetdCannotPutRightFails) {
  view_.mutable_health()->add_problems("subnet 172.30.0.0/24 is also behind tun0");
  EXPECT_THAT(JudgeNetwork(view_), Contains(Is(Verdict::kFail, "behind tun0")));
}

TEST_F(DoctorNetworkTest, NatNeedsAWayOutThatForwards) {
  view_.mutable_network()->clear_forwarding();
  EXPECT_THAT(JudgeNetwork(view_), Contains(Is(Verdict::kFail, "'eth0' does not forward")));
  view_.mutable_network()->clear_uplinks();
  EXPECT_THAT(JudgeNetwork(view_), Contains(Is(Verdict::kWarn, "no default route")));
}

TEST_F(DoctorNetworkTest, ASubnetThatIsElsewhereTooFails) {
  EXPECT_THAT(CheckSubnet(view_, kRoutes), Is(Verdict::kPass, "172.30.0.1/24"));
  for (const char* tunnel : {"tun0\t00001EAC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0\n",
                             "tun0\t05001EAC\t00000000\t0005\t0\t0\t0\tFFFFFFFF\t0\t0\t0\n"})
    EXPECT_THAT(CheckSubnet(view_, absl::StrCat(kRoutes, tunnel)), Is(Verdict::kFail, "a route by 'tun0'"));
}

// As VPNs go before the default route without changing it.
TEST_F(DoctorNetworkTest, ATunnelForAllTrafficIsNoConflict) {
  const std::string halves =
      "tun0\t00000000\t0100080A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n"
      "tun0\t00000080\t0100080A\t0003\t0\t0\t0\t00000080\t0\t0\t0\n";
  EXPECT_THAT(CheckSubnet(view_, absl::StrCat(kRoutes, halves)), Is(Verdict::kPass, "used by nobody else"));
}

TEST_F(DoctorNetworkTest, ABridgeOfSomebodyElsesFails) {
  const TempDir interfaces = *TempDir::Create();
  EXPECT_THAT(CheckBridge(view_, interfaces.path(), "/run/banger-netd"), Is(Verdict::kPass, "is free"));
  const auto alias = interfaces.path() / "br-banger/ifalias";
  ASSERT_OK(MakeDirectories(alias.parent_path()));
  ASSERT_OK(WriteFileAtomically(alias, "\n"));
  EXPECT_THAT(CheckBridge(view_, interfaces.path(), "/run/banger-netd"),
              Is(Verdict::kFail, "somebody else's"));
  ASSERT_OK(WriteFileAtomically(alias, "banger:br-banger:/home/me/banger/netd\n"));
  EXPECT_THAT(CheckBridge(view_, interfaces.path(), "/run/banger-netd"),
              Is(Verdict::kFail, "somebody else's"));
  ASSERT_OK(WriteFileAtomically(alias, "banger:br-banger:/run/banger-netd\n"));
  EXPECT_THAT(CheckBridge(view_, interfaces.path(), "/run/banger-netd"), Is(Verdict::kPass, "netd's"));
}

TEST_F(DoctorNetworkTest, NatIsTriedInAVmThatHasIt) {
  EXPECT_THAT(Nat(0, 0), Is(Verdict::kPass, "'web' reaches the host's router, 198.51.100.1"));
  EXPECT_THAT(Nat(1, 0), Is(Verdict::kFail, "the host reaches its router, 198.51.100.1, but 'web' does not"));
  EXPECT_THAT(Nat(1, 1), Is(Verdict::kWarn, "answers neither"));
  EXPECT_THAT(Nat(127, 0), Is(Verdict::kWarn, "nothing for it"));
  EXPECT_THAT(CheckNat(view_, "", nullptr, nullptr),
              Is(Verdict::kWarn, "not tried: the host's default route"));
  view_.mutable_endpoints(0)->mutable_endpoint()->mutable_policy()->set_nat(false);
  EXPECT_THAT(Nat(1, 0), Is(Verdict::kWarn, "not tried: no VM on the network has NAT"));
}

TEST_F(DoctorNetworkTest, WithoutAPingOnTheHostNatIsNotJudged) {
  const auto finding = CheckNat(
      view_, kRoutes,
      [](const std::string&, const std::vector<std::string>&) -> absl::StatusOr<int> { return 1; },
      [](const std::vector<std::string>&) -> absl::StatusOr<int> {
        return absl::NotFoundError("program 'ping' is not in PATH");
      });
  EXPECT_THAT(finding, Is(Verdict::kWarn,
                          "'web' does not reach the host's router, 198.51.100.1; whether the "
                          "host does is not known: program 'ping'"));
  EXPECT_EQ(finding.repair, "sudo apt install iputils-ping");
}

TEST_F(DoctorNetworkTest, NamesAreAskedForAsProgramsDo) {
  const auto answer = [](std::vector<std::string> addresses) {
    return [addresses](const std::string& name) {
      return name == "web.vm" ? addresses : std::vector<std::string>();
    };
  };
  EXPECT_THAT(CheckNames(view_, answer({"172.30.0.2"})), Is(Verdict::kPass, "1 VM by name"));
  EXPECT_THAT(CheckNames(view_, answer({})), Is(Verdict::kWarn, "do not find web.vm"));
  EXPECT_THAT(CheckNames(view_, answer({"10.0.0.9"})), Is(Verdict::kFail, "web.vm is 10.0.0.9 to this host"));
  view_.clear_endpoints();
  EXPECT_THAT(CheckNames(view_, answer({})), Is(Verdict::kWarn, "not tried: no VM is on the network"));
  EXPECT_THAT(ResolveByNss("localhost"), Contains("127.0.0.1"));
}

}  // namespace
}  // namespace banger::cli
