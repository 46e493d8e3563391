// `banger system network`.
#include <chrono>

#include "cli/testing/cli_fixture.h"
#include "common/status/error.h"
#include "common/testing/status_matchers.h"

namespace banger::cli {
namespace {

using network::v1::NetworkHealth;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class SystemNetworkTest : public CliTest {
 protected:
  SystemNetworkTest() {
    network::v1::Network& network = *state_.network.mutable_network();
    network.set_bridge("br-banger");
    network.set_gateway("172.30.0.1");
    network.set_prefix_length(24);
    network.set_mtu(1420);
    network.add_uplinks("eth0");
    for (const char* interface : {"br-banger", "eth0"}) network.add_forwarding(interface);
    network.mutable_dns()->set_guest_server("172.30.0.1");
    network.mutable_dns()->set_host_listen("127.0.0.1:42069");
    network.mutable_dns()->set_host_resolver("systemd-resolved");
    state_.network.mutable_health()->set_bridge_up(true);
    state_.network.mutable_health()->set_rules(NetworkHealth::RULES_IN_PLACE);
  }

  system::v1::NetworkEndpoint& Add(const std::string& id, const std::string& vm, const std::string& address) {
    system::v1::NetworkEndpoint& shown = *state_.network.add_endpoints();
    shown.set_vm(vm);
    shown.mutable_endpoint()->set_name("endpoints/" + id);
    shown.mutable_endpoint()->set_address(address);
    shown.mutable_endpoint()->set_mac("52:b4:ac:1e:00:02");
    shown.mutable_endpoint()->set_tap("bgr-ac1e0002");
    shown.mutable_endpoint()->set_owner_uid(999);
    return shown;
  }
};

TEST_F(SystemNetworkTest, ShowsEachPartAndEachVm) {
  system::v1::NetworkEndpoint& web = Add("aa", "vms/web", "172.30.0.2");
  web.mutable_endpoint()->mutable_policy()->set_nat(true);
  for (const auto& [host, guest, protocol] : {std::tuple(8080, 80, vm::v1::PublishedPort::PROTOCOL_TCP),
                                              std::tuple(5353, 53, vm::v1::PublishedPort::PROTOCOL_UDP)}) {
    vm::v1::PublishedPort& port = *web.add_published_ports();
    port.set_host_address("127.0.0.1");
    port.set_host_port(host);
    port.set_guest_port(guest);
    port.set_protocol(protocol);
  }
  network::v1::EndpointPolicy& policy = *Add("bb", "", "172.30.0.3").mutable_endpoint()->mutable_policy();
  policy.set_nat(true);
  policy.mutable_egress()->set_mode(egress::v1::Egress::MODE_LISTED);
  policy.mutable_egress()->add_domains("example.com");
  policy.mutable_egress()->add_networks("10.0.0.0/8");
  policy.add_peer_ids("aa");
  policy.add_peer_ids("gone");
  const CommandResult result = Run({"system", "network"});
  EXPECT_EQ(result.status.code, 0) << result.err;
  EXPECT_EQ(result.out,
            "Bridge:      br-banger, up, 172.30.0.1/24, MTU 1420\n"
            "Way out:     eth0\n"
            "Forwarding:  br-banger, eth0, for VMs\n"
            "Rules:       in place\n"
            "DNS:         172.30.0.1:53 for VMs, 127.0.0.1:42069 for this host\n"
            "Host names:  systemd-resolved asks for .vm\n"
            "\n"
            "VM    ADDRESS      MAC                 TAP            OWNER   NAT   EGRESS                   "
            "MAY REACH   "
            "PORTS\n"
            "web   172.30.0.2   52:b4:ac:1e:00:02   bgr-ac1e0002   999     on    all                      -  "
            "         "
            "127.0.0.1:8080->80,127.0.0.1:5353->53/udp\n"
            "bb    172.30.0.3   52:b4:ac:1e:00:02   bgr-ac1e0002   999     on    example.com,10.0.0.0/8   "
            "web,gone    "
            "-\n");
}

TEST_F(SystemNetworkTest, ShowsIpv6WhereItIsOn) {
  network::v1::Network& network = *state_.network.mutable_network();
  network.set_ipv6_gateway("fd12:3456:789a::ac1e:1");
  network.set_ipv6_prefix_length(64);
  network.add_ipv6_uplinks("eth0");
  for (const char* interface : {"br-banger", "eth0"}) network.add_ipv6_forwarding(interface);
  Add("aa", "vms/web", "172.30.0.2").mutable_endpoint()->set_ipv6_address("fd12:3456:789a::ac1e:2");
  const CommandResult result = Run({"system", "network"});
  EXPECT_THAT(result.out, HasSubstr("\nIPv6:        fd12:3456:789a::ac1e:1/64; way out: eth0; forwarding: "
                                    "br-banger, eth0, for VMs\n"));
  EXPECT_THAT(result.out, HasSubstr("web   172.30.0.2   fd12:3456:789a::ac1e:2   52:b4:"));
  network.clear_ipv6_forwarding();
  state_.network.mutable_health()->set_ipv6_forwards_everywhere(true);
  EXPECT_THAT(Run({"system", "network"}).out, HasSubstr("forwarding: all interfaces, not by banger\n"));
}

TEST_F(SystemNetworkTest, SaysWhatIsNotAsItShouldBe) {
  NetworkHealth& health = *state_.network.mutable_health();
  health.set_bridge_up(false);
  health.set_rules(NetworkHealth::RULES_CHANGED);
  health.set_repair_count(2);
  const auto then = std::chrono::system_clock::now() - std::chrono::minutes(3) - std::chrono::seconds(5);
  health.mutable_repair_time()->set_seconds(std::chrono::system_clock::to_time_t(then));
  health.set_forwards_everywhere(true);
  health.add_problems("subnet \033[2J collides");
  network::v1::Network& network = *state_.network.mutable_network();
  network.clear_uplinks();
  network.clear_forwarding();
  *network.mutable_dns() = {};
  network.mutable_dns()->add_warnings("guests have no DNS server: taken");
  state_.network.add_warnings("no VMs' names: vmd is not running");
  const CommandResult result = Run({"system", "network"});
  EXPECT_EQ(result.status.code, 0);
  EXPECT_EQ(
      result.out,
      "Bridge:      br-banger, not there, 172.30.0.1/24, MTU 1420\n"
      "Way out:     none\n"
      "Forwarding:  all interfaces, not by banger\n"
      "Rules:       changed by somebody; they are put back in a moment; put back 2 times, last 3 minutes "
      "ago\n"
      "DNS:         not for VMs, not for this host\n"
      "Host names:  no resolver of this host has been told; see docs/networking.md\n"
      "Problem:     guests have no DNS server: taken\n"
      "Problem:     subnet ?[2J collides\n");
  EXPECT_THAT(result.err, HasSubstr("vmd is not running"));
}

TEST_F(SystemNetworkTest, JsonIsTheApisOwnMessage) {
  Add("aa", "vms/web", "172.30.0.2");
  const CommandResult result = Run({"system", "network", "--format", "json"});
  EXPECT_THAT(result.out, HasSubstr("\"vm\": \"vms/web\""));
  EXPECT_THAT(result.out, HasSubstr("\"rules\": \"RULES_IN_PLACE\""));
  EXPECT_THAT(result.out, HasSubstr("\"repair_count\": \"0\""));
}

TEST_F(SystemNetworkTest, AHostWithoutNetdIsSaidToBeOne) {
  state_.Fail("GetNetwork", ApiError(absl::StatusCode::kUnavailable, "DAEMON_UNAVAILABLE",
                                     "netd is not running: there is no socket", {{"daemon", "netd"}}));
  const CommandResult result = Run({"system", "network"});
  EXPECT_EQ(result.status.code, 4);
  EXPECT_THAT(result.err, StartsWith("banger: show the network: netd is not running"));
  EXPECT_EQ(result.out, "");
}

TEST_F(SystemNetworkTest, TheGroupSaysWhatItIsFor) {
  const CommandResult result = Run({"system"});
  EXPECT_THAT(result.out + result.err, HasSubstr("banger system network"));
}

}  // namespace
}  // namespace banger::cli
